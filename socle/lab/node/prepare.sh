#!/bin/sh
# prepare.sh ROOT MIRROR SUITE: turns a freshly made Debian tree into the image of a node.
set -eu
root=$1 mirror=$2 suite=$3

# Each instance is its own machine: no host name, host keys or machine identity in the image.
rm -f "$root"/etc/ssh/ssh_host_* "$root"/etc/hostname "$root"/var/lib/dbus/machine-id
: > "$root/etc/machine-id"
rm -f "$root"/etc/apt/sources.list "$root"/etc/apt/sources.list.d/*
cat > "$root/etc/apt/sources.list.d/debian.sources" <<EOF
Types: deb
URIs: $mirror/debian
Suites: $suite $suite-updates
Components: main
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg

Types: deb
URIs: $mirror/debian-security
Suites: $suite-security
Components: main
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg
EOF
ln -sf ../run/systemd/resolve/stub-resolv.conf "$root/etc/resolv.conf"
chroot "$root" systemctl enable systemd-networkd systemd-resolved ssh

# podman: system containers have no pids controller, and no limit above the ones the machine gives
mkdir -p "$root/etc/containers"
nofile=$(ulimit -Hn)
nproc=$(ulimit -Hu 2>/dev/null || ulimit -p 2>/dev/null || echo unlimited)
[ "$nofile" != unlimited ] || nofile=1048576
[ "$nproc" != unlimited ] || nproc=1048576
cat > "$root/etc/containers/containers.conf" <<EOF
[containers]
pids_limit = 0
default_ulimits = ["nofile=$nofile:$nofile", "nproc=$nproc:$nproc"]
EOF
