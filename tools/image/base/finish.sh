#!/bin/sh
# Runs outside the new root file system, named by $1, when all packages are in it: what is Debian's stays, what is this machine's goes.
set -eu
root=$1

rm -f "$root/etc/apt/sources.list" "$root"/etc/apt/sources.list.d/* "$root"/etc/apt/apt.conf.d/99mmdebstrap
echo "# None: this machine takes its updates with its image." >"$root/etc/apt/sources.list"
mv "$root/etc/dpkg/dpkg.cfg.d/99mmdebstrap" "$root/etc/dpkg/dpkg.cfg.d/builder-image"

rm -f "$root"/etc/ssh/ssh_host_* "$root"/var/lib/systemd/random-seed "$root"/var/lib/dbus/machine-id
: >"$root/etc/machine-id"
echo builder >"$root/etc/hostname"
printf '127.0.0.1 localhost\n127.0.1.1 builder\n::1 localhost ip6-localhost ip6-loopback\n' >"$root/etc/hosts"
ln -sf ../run/systemd/resolve/stub-resolv.conf "$root/etc/resolv.conf"
systemctl --root="$root" --quiet enable systemd-networkd.service systemd-resolved.service systemd-timesyncd.service
# Not $root/tmp: apt's configuration for this root lies there until the end, and without it mmdebstrap would clean this machine's lists.
rm -rf "$root"/var/lib/apt/lists/* "$root"/var/cache/apt/* "$root"/var/cache/debconf/*-old "$root"/var/log/apt "$root"/var/log/*.log
