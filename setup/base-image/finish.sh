#!/bin/sh
# Last customize hook of both images; $1 is the new root. Takes away what differs from one build to the next, and
# where the packages came from (this machine's mirror, which may hold credentials).
set -eu
root=$1

: >"$root/etc/apt/sources.list" 2>/dev/null || true
rm -rf "$root"/etc/apt/apt.conf.d/99mmdebstrap "$root"/etc/apt/sources.list.d/* "$root"/etc/apt/auth.conf.d/*
rm -rf "$root"/var/lib/apt/lists/* "$root"/var/cache/apt/* "$root"/var/cache/debconf/*-old "$root"/var/lib/dpkg/*-old
rm -f "$root"/var/cache/ldconfig/aux-cache "$root"/etc/resolv.conf "$root"/etc/*-
find "$root/var/log" -type f -exec truncate -s 0 {} +
rm -f "$root"/var/log/dpkg.log "$root"/var/log/alternatives.log "$root"/var/log/bootstrap.log "$root"/var/log/apt/*
find "$root/tmp" "$root/var/tmp" "$root/run" -mindepth 1 -delete
