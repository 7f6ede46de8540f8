#!/bin/sh
# A node: Debian on an overlay of the folder $1, its own systemd as the first process. $2: the node's folder; $3: where its
# volume is mounted. Run inside namespaces of its own; whatever it is made of goes with its first process.
set -eu
node=$2 root=$2/root
mount --make-rprivate /
mount -t overlay overlay -o "lowerdir=$1,upperdir=$node/up,workdir=$node/work" "$root"
mkdir -p "$root$3"
mount --bind "$node/volume" "$root$3"
mount -t proc proc "$root/proc"
mount -t sysfs sysfs "$root/sys"
mount -t cgroup2 cgroup2 "$root/sys/fs/cgroup"
mount -t tmpfs -o mode=755 tmpfs "$root/run"
mount -t tmpfs tmpfs "$root/tmp"
mount -t tmpfs -o mode=755 tmpfs "$root/dev"
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
exec env -i container=socle PATH=/usr/sbin:/usr/bin:/sbin:/bin /lib/systemd/systemd --log-target=console --show-status=0
