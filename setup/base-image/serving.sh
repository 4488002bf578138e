#!/bin/sh
# mmdebstrap's customize hook for the root file system that model servers run on; $1 is the new root.
set -eu
root=$1

echo 'serving:x:65532:65532:model server:/home/serving:/usr/sbin/nologin' >>"$root/etc/passwd"
echo 'serving:x:65532:' >>"$root/etc/group"
install -d -m 0750 -o 65532 -g 65532 "$root/home/serving"
chroot "$root" python3 -c 'import ssl, ctypes, sqlite3, zlib'
find "$root/usr/share/info" "$root/usr/share/pixmaps" -mindepth 1 -delete 2>/dev/null || true
