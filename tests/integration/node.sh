#!/bin/sh
# A node: Debian on an overlay of the folder $1, its own systemd as the first process. $2: the node's folder; $3: where its
# volume is mounted; $4: a folder of tools that it sees as /mnt/tools, or nothing. Run inside namespaces of its own; whatever
# it is made of goes with its first process. Like a system container it may not touch the machine's kernel or its clock.
set -eu
node=$2 root=$2/root
mount --make-rprivate /
mount -t overlay overlay -o "lowerdir=$1,upperdir=$node/up,workdir=$node/work" "$root"
mkdir -p "$root$3"
mount --bind "$node/volume" "$root$3"
mount -o remount,bind,nosuid,nodev "$root$3" # as the volume role mounts one
[ -z "${4-}" ] || { mkdir -p "$root/mnt/tools"; mount --bind "$4" "$root/mnt/tools"; mount -o remount,bind,ro,nosuid,nodev "$root/mnt/tools"; }
mount -t proc proc "$root/proc"
mount --bind "$root/proc/sys" "$root/proc/sys"
mount --bind "$root/proc/sys/net" "$root/proc/sys/net"
mount -o remount,bind,ro "$root/proc/sys"
mount -t sysfs -o ro sysfs "$root/sys"
mount -t cgroup2 cgroup2 "$root/sys/fs/cgroup"
mount -t tmpfs -o mode=755,nosuid,nodev tmpfs "$root/run"
mount -t tmpfs tmpfs "$root/tmp"
mount -t tmpfs -o mode=755,nosuid tmpfs "$root/dev"
for device in null zero full random urandom tty; do cp -a "/dev/$device" "$root/dev/"; done
mkdir "$root/dev/pts" "$root/dev/shm"
mount -t devpts -o newinstance,ptmxmode=0666 devpts "$root/dev/pts"
mount -t tmpfs tmpfs "$root/dev/shm"
ln -s pts/ptmx "$root/dev/ptmx"
ln -s /proc/self/fd "$root/dev/fd"
hostname "$(basename "$node")"
basename "$node" > "$root/etc/hostname"
cd "$root"
mkdir -p .before
pivot_root . .before
umount -l /.before
rmdir /.before
WITHOUT=-sys_time,-sys_module,-syslog,-sys_rawio,-mac_admin,-mac_override,-audit_read,-wake_alarm,-block_suspend,-bpf,-perfmon,-checkpoint_restore,-sys_pacct
exec env -i container=socle PATH=/usr/sbin:/usr/bin:/sbin:/bin setpriv --bounding-set=$WITHOUT /lib/systemd/systemd --log-target=console --show-status=0
