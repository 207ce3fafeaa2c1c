#!/bin/sh
# Fails, and with it the bake, unless what was installed works as far as that can be told before a boot.
set -eu
exec </dev/null
lib=/usr/lib/builder-agent
failed=0

# expect <what> <text> <command…>: the command ends well and says the text.
expect() {
  what=$1 text=$2
  shift 2
  if said=$("$@" 2>&1) && printf '%s' "$said" | grep -qF -- "$text"; then
    echo "  ok: $what"
  else
    echo "  FAILED: $what: $* said: $said" >&2
    failed=1
  fi
}

version_of() {
  sed -n "/\"$1\": {/,/}/ s/.*\"version\": \"\(.*\)\",*/\1/p" /usr/share/builder-agent/package.json
}

# Any CA will do where only the form of a configuration is looked at.
some_ca() {
  find /etc/ssl/certs -name '*.pem' | head -n 1
}

expect "the agent starts" "builder-agent $(dpkg-query -W -f '${Version}' builder-agent)" builder-agent version
expect "Node is the pinned one" "v$(version_of node)" "$lib/node/bin/node" --version
expect "BuildKit is the pinned one" "v$(version_of buildkitd)" "$lib/bin/buildkitd" --version
expect "buildctl is the pinned one" "v$(version_of buildctl)" "$lib/bin/buildctl" --version
expect "tailscaled is the pinned one" "$(version_of tailscaled)" "$lib/bin/tailscaled" --version
expect "bbolt starts" "bbolt Version" "$lib/bin/bbolt" version
expect "runc starts" "runc version" runc --version
expect "cryptsetup starts" "cryptsetup" cryptsetup --version
expect "nft starts" "nftables" nft --version
expect "ip starts" "iproute2" ip -Version
for plugin in ptp host-local loopback; do
  expect "the CNI plugin $plugin starts" '"supportedVersions"' env CNI_COMMAND=VERSION /usr/lib/cni/$plugin
done
for tool in flock nsenter setpriv unshare; do
  expect "$tool starts" "util-linux" "$tool" --version
done

expect "the example configuration is right" "The configuration is right" \
  builder-agent config check \
  --config /etc/builder-agent/config.toml.example --control-plane-ca-file "$(some_ca)"
expect "gateway and control have users of their own" "builder-control" getent group builder-agent
expect "the agent starts with the machine" "enabled" systemctl is-enabled builder-agent.target

# Whatever it says is a complaint: it ends well even when it does not know a key.
units=$(dpkg -L builder-agent | grep '^/usr/lib/systemd/system/.*\.[a-z]*$' | grep -v '@\.')
if said=$(systemd-analyze verify --man=no $units 2>&1) && [ -z "$said" ]; then
  echo "  ok: systemd understands the units"
else
  echo "  FAILED: systemd-analyze verify said: $said" >&2
  failed=1
fi

for kernel in /lib/modules/*; do
  [ -d "$kernel/kernel" ] || continue
  # The kernel loads what the builds' network takes when it is first asked for it: no process of ours may.
  network="bridge veth tun nf_tables nft_chain_nat nft_ct nft_masq nft_nat nft_reject_inet nft_fib_inet nft_fib_ipv4 nft_fib_ipv6 nft_connlimit"
  for module in dm_crypt overlay xfs ext4 $network virtio_blk virtio_net nvme; do
    if ! modprobe --dry-run --quiet --set-version "${kernel##*/}" "$module"; then
      echo "  FAILED: the kernel ${kernel##*/} has no $module" >&2
      failed=1
    fi
  done
  echo "  ok: the kernel ${kernel##*/} has what the volume, builds and their network need"
done
exit "$failed"
