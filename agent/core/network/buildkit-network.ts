import { BITS, formatAddress } from "./address.ts";
import { addressOfBuildkit, BUILDKIT_CABLE, type NetworkPlan, type PlannedRange, rangesOf } from "./plan.ts";

/**
 * Whether links that are made in a network prove that an IPv6 address is free: one to two seconds,
 * for which the plugin waits. Nobody else is on a step's cable. Below /proc; of the network of
 * whoever opens it.
 */
export const ACCEPT_DAD = "sys/net/ipv6/conf/default/accept_dad";

/** Where on this machine it is put together. Absolute paths. */
export interface BuildkitNetworkPlaces {
  /** An empty directory: what is in it during a run is seen by BuildKit alone. */
  readonly mountDir: string;
  /** The plugins that make steps' networks. */
  readonly cniBinaryDir: string;
}

/**
 * A program for sh(1) that becomes the command it is given, in a network namespace of its own on
 * the builds' side of the guard: on a cable of its own, as a step is. So whatever BuildKit
 * fetches (images, git, `ADD`, caches) is judged as a step's packets are. To be run as root, from a
 * file, in a mount namespace of its own and the machine's network.
 *
 * CNI's plugins work in the network of whoever starts them, and BuildKit starts them: it sees
 * others in their place, of the same names, which go back to the machine's network and become the
 * real ones. Before that they spare a step the wait for its IPv6 address. All that is made belongs
 * to the run, and is gone with it.
 */
export function buildkitNetwork(
  plan: Pick<NetworkPlan, "ipv4" | "ipv6" | "families" | "mtuBytes">,
  { mountDir, cniBinaryDir }: BuildkitNetworkPlaces,
): string {
  const ranges = rangesOf(plan);
  return `set -eu
trap 'echo "buildkitd cannot be given a network of its own: see the line before; it takes root, ip (iproute2), mount, nsenter and unshare (util-linux)" >&2' EXIT
dir=${quoted(mountDir)}
plugins=${quoted(cniBinaryDir)}

if [ "$1" != --inside ]; then
  mount -t tmpfs -o mode=0755,size=1m builder-agent "$dir"
  : >"$dir/machine"
  mount --bind /proc/self/ns/net "$dir/machine"
  mkdir "$dir/real" "$dir/led" "$dir/proc"
  # Its settings can be written also where this mount namespace's own /proc is read-only.
  mount -t proc proc "$dir/proc" || :
  mount --bind "$plugins" "$dir/real"
  # Or what is mounted over the plugins below would be there, too.
  mount --make-rprivate "$dir/real"
  nsenter=$(command -v nsenter)
  lead=$(cat <<END
#!/bin/sh
if [ "\\$CNI_COMMAND \\\${0##*/}" = "ADD ptp" ]; then
  "$nsenter" --net="\\$CNI_NETNS" -- sh -c 'echo 0 >"\\$1"' sh "$dir/proc/${ACCEPT_DAD}" 2>/dev/null || :
fi
exec "$nsenter" --net="$dir/machine" -- "$dir/real/\\\${0##*/}"
END
)
  # Written, not linked: a program for each of them would cost each start 20 ms.
  for plugin in "$plugins"/*; do printf '%s\\n' "$lead" >"$dir/led/\${plugin##*/}"; done
  chmod 0755 "$dir"/led/*
  mount --bind "$dir/led" "$plugins"
  exec unshare --net -- sh "$0" --inside "$@"
fi

shift
on_machine() { nsenter --net="$dir/machine" -- "$@"; }
cable() {
  on_machine ip -batch - <<END
link add name ${BUILDKIT_CABLE} mtu ${plan.mtuBytes} type veth peer name eth0 mtu ${plan.mtuBytes} netns $$
link set dev ${BUILDKIT_CABLE} up
${ranges.flatMap(machineLines).join("\n")}
END
}
# A run that was killed may have left its cable for a moment.
cable 2>/dev/null || { on_machine ip link delete dev ${BUILDKIT_CABLE} 2>/dev/null || :; cable; }
ip -batch - <<END
link set dev lo up
link set dev eth0 up
${ranges.flatMap(ownLines).join("\n")}
END
exec "$@"
`;
}

/** The same where builds have no network: neither has BuildKit. */
export const NO_BUILDKIT_NETWORK = 'exec unshare --net -- "$@"\n';

function machineLines(range: PlannedRange): readonly string[] {
  const { gateway, own, alone, nodad } = wordsOf(range);
  return [
    `address add ${gateway}/${alone} dev ${BUILDKIT_CABLE}${nodad}`,
    `route add ${own}/${alone} dev ${BUILDKIT_CABLE}`,
  ];
}

function ownLines(range: PlannedRange): readonly string[] {
  const { gateway, own, alone, all, nodad } = wordsOf(range);
  return [
    `address add ${own}/${alone} dev eth0${nodad}`,
    `route add ${gateway}/${alone} dev eth0`,
    `route add ${all} via ${gateway} dev eth0`,
  ];
}

function wordsOf(range: PlannedRange) {
  const { family } = range.cidr;
  const [gateway] = range.services;
  return {
    gateway: gateway === undefined ? "" : formatAddress(gateway),
    own: formatAddress(addressOfBuildkit(range)),
    alone: BITS[family],
    all: family === "ipv4" ? "0.0.0.0/0" : "::/0",
    // Nobody else is on the cable.
    nodad: family === "ipv4" ? "" : " nodad",
  };
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
