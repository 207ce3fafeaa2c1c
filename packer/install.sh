#!/bin/sh
# Installs the agent on this Debian 12 machine, in a chroot or in a VM that becomes an image.
#
#   sh install.sh builder-agent_<version>_<architecture>.deb           the agent, and nothing else of this machine
#   sh install.sh --image builder-agent_<version>_<architecture>.deb   a machine that does nothing but run the agent
#
# An image is done when clean.sh beside this file has run, as the last thing on it.
set -eu
export DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8 PATH=/usr/sbin:/usr/bin:/sbin:/bin

kind=machine
if [ "${1:-}" = --image ]; then
  kind=image
  shift
fi
if [ $# -ne 1 ] || [ ! -f "$1" ]; then
  echo "usage: install.sh [--image] <builder-agent.deb>" >&2
  exit 64
fi
if [ "$(id -u)" -ne 0 ]; then
  echo "install.sh: needs root" >&2
  exit 77
fi
here=$(cd "$(dirname "$0")" && pwd)

step() {
  echo "install: $1"
  shift
  "$@"
}

[ "$kind" = machine ] || step "Debian's updates" sh "$here/steps/update.sh"
step "the package and what it depends on" sh "$here/steps/package.sh" "$1"
if [ "$kind" = image ]; then
  step "nothing runs or listens that builds do not need" sh "$here/steps/harden.sh"
  step "bill of materials and manifest" /usr/lib/builder-agent/node/bin/node "$here/steps/describe.mjs"
fi
step "it works" sh "$here/steps/smoke.sh"
