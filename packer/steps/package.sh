#!/bin/sh
# Installs the package named by $1. Where all that it depends on is there already, no network is needed.
set -eu
deb=$(realpath "$1")

if ! apt-get install --simulate --no-install-recommends "$deb" >/dev/null 2>&1; then
  apt-get update --quiet
fi
apt-get install --yes --quiet --no-install-recommends --allow-downgrades --reinstall "$deb"
