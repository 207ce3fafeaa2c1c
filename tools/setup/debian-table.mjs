import { existsSync } from "node:fs";
import { findCommand, isStatic } from "./commands.mjs";

/** @param {string} file */
const fileAt = (file) => (existsSync(file) ? file : undefined);

/**
 * What each Debian package is wanted for, by its name in dist/toolchain.json, and where it is on this machine, if it is.
 * @type {Readonly<Record<string, { tool: string, find: () => string | undefined }>>}
 */
export const debianTable = {
  runc: { tool: "runc", find: () => findCommand("runc") },
  "busybox-static": { tool: "busybox", find: staticBusybox },
  "containernetworking-plugins": { tool: "cniBridge", find: () => fileAt("/usr/lib/cni/bridge") },
  iproute2: { tool: "ip", find: () => findCommand("ip") },
  iptables: { tool: "iptables", find: () => findCommand("iptables") },
  nftables: { tool: "nft", find: () => findCommand("nft") },
  procps: { tool: "sysctl", find: () => findCommand("sysctl") },
  "cryptsetup-bin": { tool: "cryptsetup", find: () => findCommand("cryptsetup") },
  e2fsprogs: { tool: "mkfsExt4", find: () => findCommand("mkfs.ext4") },
  xfsprogs: { tool: "mkfsXfs", find: () => findCommand("mkfs.xfs") },
  "util-linux": { tool: "wipefs", find: () => findCommand("wipefs") },
  systemd: { tool: "systemdAnalyze", find: () => findCommand("systemd-analyze") },
  "systemd-container": { tool: "systemdNspawn", find: () => findCommand("systemd-nspawn") },
  mmdebstrap: { tool: "mmdebstrap", find: () => findCommand("mmdebstrap") },
  zstd: { tool: "zstd", find: () => findCommand("zstd") },
  packer: { tool: "packer", find: () => findCommand("packer") },
  "qemu-system-x86": { tool: "qemu", find: () => findCommand("qemu-system-x86_64") },
  "qemu-utils": { tool: "qemuImg", find: () => findCommand("qemu-img") },
  genisoimage: { tool: "genisoimage", find: () => findCommand("genisoimage") },
  fdisk: { tool: "sfdisk", find: () => findCommand("sfdisk") },
  dosfstools: { tool: "mkfsFat", find: () => findCommand("mkfs.fat") },
  mtools: { tool: "mcopy", find: () => findCommand("mcopy") },
  "grub-common": { tool: "grubMkimage", find: () => findCommand("grub-mkimage") },
  "grub-pc-bin": { tool: "grubBios", find: () => fileAt("/usr/lib/grub/i386-pc/boot.img") },
  "grub-efi-amd64-bin": { tool: "grubEfi", find: () => fileAt("/usr/lib/grub/x86_64-efi/normal.mod") },
  "openssh-client": { tool: "ssh", find: () => findCommand("ssh") },
  haproxy: { tool: "haproxy", find: () => findCommand("haproxy") },
  nginx: { tool: "nginx", find: () => findCommand("nginx") },
  "libnginx-mod-stream": { tool: "nginxStream", find: () => fileAt("/usr/lib/nginx/modules/ngx_stream_module.so") },
};

/** Debian's package `busybox` puts a dynamically linked program at the same path. */
function staticBusybox() {
  const busybox = findCommand("busybox");
  return busybox && isStatic(busybox) ? busybox : undefined;
}
