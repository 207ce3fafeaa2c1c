#!/bin/sh
# Makes of a Debian a machine that only runs builds. The files that say so lie in ../files, as they will on the machine.
set -eu
here=$(cd "$(dirname "$0")/.." && pwd)

cp -R --no-preserve=ownership,mode "$here/files/." /

# A machine that lives as long as its builds takes updates with its image; a person who keeps one can turn these on again.
unwanted="ssh.service ssh.socket apt-daily.timer apt-daily-upgrade.timer unattended-upgrades.service
  cloud-init-hotplugd.socket e2scrub_all.timer e2scrub_reap.service man-db.timer fstrim.timer"
# shellcheck disable=SC2086 # Several names.
systemctl --quiet --no-reload disable $(systemctl list-unit-files --no-legend $unwanted | cut -d' ' -f1) 2>/dev/null
# Its list of modules is empty; see files/etc/cloud.
systemctl --quiet --no-reload mask cloud-config.service
# Memory that builds or keys were in is never written to a disk.
systemctl --quiet --no-reload mask swap.target sleep.target suspend.target hibernate.target hybrid-sleep.target
sed -i '/\sswap\s/d' /etc/fstab
passwd --quiet --lock root
systemctl --quiet --no-reload enable systemd-networkd.service
