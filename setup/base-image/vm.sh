#!/bin/sh
# mmdebstrap's customize hook for the VM's root file system; $1 is the new root.
set -eu
root=$1

# sshd: keys only, and host keys of its own made at first boot, so that no two VMs share one.
rm -f "$root"/etc/ssh/ssh_host_*
printf '%s\n' 'PasswordAuthentication no' 'KbdInteractiveAuthentication no' 'HostKey /etc/ssh/ssh_host_ed25519_key' \
  >"$root/etc/ssh/sshd_config.d/10-keys-only.conf"
cat >"$root/etc/systemd/system/ssh-host-key.service" <<'UNIT'
[Unit]
Description=Host key of sshd, made at first boot
Before=ssh.service
ConditionPathExists=!/etc/ssh/ssh_host_ed25519_key

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/usr/bin/ssh-keygen -q -t ed25519 -N "" -f /etc/ssh/ssh_host_ed25519_key

[Install]
RequiredBy=ssh.service
UNIT
chroot "$root" systemctl --quiet enable ssh-host-key.service ssh.service

# What a container cannot do, or what would reach out or wake up in the middle of a training.
chroot "$root" systemctl --quiet set-default multi-user.target
chroot "$root" systemctl --quiet mask \
  apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer e2scrub_all.timer e2scrub_reap.service \
  console-getty.service getty@.service getty.target systemd-remount-fs.service systemd-modules-load.service \
  sys-kernel-debug.mount sys-kernel-tracing.mount sys-kernel-config.mount sys-fs-fuse-connections.mount dev-hugepages.mount

# An empty machine-id: each VM makes its own, and the first-boot presets do not run.
: >"$root/etc/machine-id"
rm -f "$root/var/lib/dbus/machine-id"
mkdir -p "$root/var/log/journal"
echo vm >"$root/etc/hostname"
