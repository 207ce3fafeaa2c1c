/**
 * Debian's packages in the image, by what they are there for. Everything that the .deb depends on
 * is among them: the bake has no network.
 */
export const packages = {
  boot: ["linux-image-cloud-amd64", "initramfs-tools", "zstd", "systemd-sysv", "udev", "kmod"],
  login: ["dbus", "libpam-systemd", "polkitd", "sudo", "openssh-server"],
  network: ["systemd-resolved", "systemd-timesyncd", "iproute2", "iptables", "nftables", "ca-certificates", "netbase"],
  cloud: ["cloud-init", "cloud-guest-utils", "fdisk"],
  volume: ["cryptsetup-bin", "dmsetup", "e2fsprogs", "xfsprogs", "util-linux-extra"],
  builds: ["runc", "containernetworking-plugins"],
  sources: ["git", "openssh-client", "xz-utils"],
  people: ["procps", "less"],
};

/** What no machine that runs builds reads. Licences stay. */
export const leftOut = {
  exclude: ["/usr/share/doc/*", "/usr/share/man/*", "/usr/share/info/*", "/usr/share/locale/*", "/usr/share/lintian/*"],
  include: ["/usr/share/doc/*/copyright", "/usr/share/doc/builder-agent/*"],
};
