#!/bin/sh
# Brings all of Debian's packages up to date, the kernel and runc among them: they hold strangers' code. Where the machine knows no source of packages
# (the qemu bake has no network), its base brought the updates.
set -eu

if [ -z "$(apt-get indextargets --format '$(URI)' 'Created-By: Packages')" ]; then
  echo "no source of packages: as they came with the base"
  exit 0
fi
if ! apt-get indextargets --format '$(RELEASE)' 'Created-By: Packages' | grep -q -e '-security$'; then
  echo "update: this machine's apt has no source of Debian's security updates" >&2
  exit 1
fi
apt-get update --quiet --error-on=any
apt-get dist-upgrade --yes --quiet --no-install-recommends -o Dpkg::Options::=--force-confold
# Older kernels go, but for the one that runs; the image starts with the newest.
apt-get autoremove --yes --quiet --purge
