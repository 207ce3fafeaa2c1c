/** Each with what it is needed for. */
const depends = {
  "libc6 (>= 2.28), libstdc++6, libgcc-s1": "Node",
  "systemd (>= 252), dbus, polkitd (>= 121)": "the units, and who may ask for them",
  "runc, containernetworking-plugins, iptables, nftables, iproute2": "builds and their network",
  "git, openssh-client, xz-utils":
    "what BuildKit starts for git contexts, by https and by ssh, and for archives that xz made",
  "cryptsetup-bin, dmsetup, e2fsprogs, xfsprogs, udev, util-linux (>= 2.38)": "the cache volume",
  "init-system-helpers (>= 1.64)": "the maintainer scripts",
};

/**
 * @param {string} version
 * @param {import("./architecture.mjs").Architecture} architecture
 * @returns {Readonly<Record<string, string>>}
 */
export const controlFields = (version, architecture) => ({
  Package: "builder-agent",
  Version: version,
  Architecture: architecture.debian,
  Maintainer: "The builder-agent engineers <builder-agent@localhost>",
  Section: "admin",
  Priority: "optional",
  Depends: Object.keys(depends).join(", "),
  Recommends: "ca-certificates",
  Description: [
    "agent of a builder VM",
    " Proves its machine to a control plane, opens the encrypted cache volume, runs",
    " BuildKit, and lets open builds in over mutual TLS.",
  ].join("\n"),
});
