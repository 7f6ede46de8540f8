#!/bin/sh
# ovn-files.sh DATA RUN: empty databases of OVN and Open vSwitch, where there are none; what a killed lab left is removed.
set -eu
mkdir -p "$1" "$2"
rm -f "$2"/*
for name in nb sb; do
  [ -f "$1/$name.db" ] || ovsdb-tool create "$1/$name.db" "/usr/share/ovn/ovn-$name.ovsschema"
done
[ -f "$1/conf.db" ] || ovsdb-tool create "$1/conf.db" /usr/share/openvswitch/vswitch.ovsschema
