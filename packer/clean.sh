#!/bin/sh
# The last thing that runs on a machine that becomes an image: nothing that belongs to one machine, to its bake, or to nobody else stays.
# Whoever is connected stays connected, and cannot come again.
set -eu
export LC_ALL=C.UTF-8 PATH=/usr/sbin:/usr/bin:/sbin:/bin

running=no
[ -d /run/systemd/system ] && running=yes
if [ "$running" = yes ]; then
  # Each writes once more when it stops.
  systemctl stop systemd-random-seed.service
  journalctl --quiet --relinquish-var
fi

# Who baked: a cloud's own user, made at the first boot of the bake. On the next first boot cloud-init makes it anew.
for home in /home/*; do
  [ -d "$home" ] && userdel --force --remove "${home##*/}" 2>/dev/null
done
rm -rf /root/.ssh /root/.cache /root/.bash_history /root/.ansible /etc/sudoers.d/90-cloud-init-users
rm -f /etc/passwd- /etc/shadow- /etc/group- /etc/gshadow- /etc/subuid- /etc/subgid-

rm -f /etc/ssh/ssh_host_* /var/lib/dbus/machine-id /var/lib/systemd/random-seed /var/lib/systemd/credential.secret
: >/etc/machine-id
rm -rf /var/lib/cloud /var/lib/dhcp/* /etc/systemd/network/10-cloud-init-* /etc/netplan/50-cloud-init.yaml /etc/cloud/cloud.cfg.d/90-installer-network.cfg
echo builder >/etc/hostname
printf '127.0.0.1 localhost\n127.0.1.1 builder\n::1 localhost ip6-localhost ip6-loopback\n' >/etc/hosts

# The agent's own state, if it ever ran: the label key is of one machine.
find /var/lib/builder-agent -mindepth 2 -delete 2>/dev/null || true
rm -rf /etc/credstore/* /etc/credstore.encrypted/* /etc/builder-agent/config.toml /etc/builder-agent/control-plane-ca.pem

apt-get clean
rm -rf /var/lib/apt/lists/* /var/cache/apt/* /var/log/apt /var/log/journal/* /var/log/cloud-init* /var/cache/debconf/*-old
# Those who log in and out write to these only where they exist.
rm -f /var/log/wtmp /var/log/btmp /var/log/lastlog
find /var/log -type f -delete
find /tmp /var/tmp -mindepth 1 -delete 2>/dev/null || true

found=$(
  find /etc/ssh -name 'ssh_host_*'
  find / -xdev \( -name authorized_keys -o -name '*.pem' -path '*builder-agent*' -o -name random-seed -o -name label-key \) -not -path '/usr/lib/*' 2>/dev/null
  find /etc/machine-id -size +0
  find /var/lib/apt/lists /var/log/journal -type f 2>/dev/null
  awk -F: '$2 !~ /^[!*]/ { print "a password for " $1 }' /etc/shadow
)
if [ -n "$found" ]; then
  echo "clean: this must not be in an image:" >&2
  echo "$found" >&2
  exit 1
fi
[ "$running" = no ] || fstrim / || true
sync
