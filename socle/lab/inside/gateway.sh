#!/bin/sh
# gateway.sh GATEWAY SERVICES RULES: the public network's router, which is this namespace itself.
set -eu
ip addr replace "$1" dev br-ex
ip addr replace "$2" dev br-ex
ip link set br-ex up
echo 1 > /proc/sys/net/ipv4/ip_forward
nft -f "$3"
