#!/bin/sh
# Stands in for sudo: Cinder and privsep call `sudo X-rootwrap CONFIG COMMAND...` even when they are root.
while [ "${1#-}" != "$1" ]; do shift; done
case "$1" in *-rootwrap) shift 2 ;; esac
exec "$@"
