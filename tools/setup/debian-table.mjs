import { existsSync } from "node:fs";
import { findSystemProgram, isStatic } from "./commands.mjs";

/** @param {string} file */
const fileAt = (file) => (existsSync(file) ? file : undefined);

/**
 * @typedef {object} DebianRow
 * @property {string} tool What the package is wanted for, by its name in dist/toolchain.json.
 * @property {readonly string[]} [programs] Those of its programs that may be used. Without `find`,
 * the first of them is the tool.
 * @property {() => string | undefined} [find] Where the tool is on this machine, if it is.
 */

/** @type {Readonly<Record<string, DebianRow>>} */
export const debianTable = {
  runc: { tool: "runc", programs: ["runc"] },
  "busybox-static": { tool: "busybox", programs: ["busybox"], find: staticBusybox },
  "containernetworking-plugins": { tool: "cniPtp", find: () => fileAt("/usr/lib/cni/ptp") },
  git: { tool: "git", programs: ["git"] },
  "xz-utils": { tool: "xz", programs: ["xz"] },
  iproute2: { tool: "ip", programs: ["ip"] },
  iptables: { tool: "iptables", programs: ["iptables", "ip6tables"] },
  nftables: { tool: "nft", programs: ["nft"] },
  procps: { tool: "sysctl", programs: ["sysctl"] },
  dmsetup: { tool: "dmsetup", programs: ["dmsetup"] },
  "cryptsetup-bin": { tool: "cryptsetup", programs: ["cryptsetup"] },
  e2fsprogs: { tool: "mkfsExt4", programs: ["mkfs.ext4", "e2fsck", "dumpe2fs", "resize2fs", "debugfs"] },
  xfsprogs: { tool: "mkfsXfs", programs: ["mkfs.xfs", "xfs_repair", "xfs_growfs", "xfs_io"] },
  "util-linux": { tool: "wipefs", programs: ["wipefs"] },
  systemd: {
    tool: "systemdAnalyze",
    programs: ["systemd-analyze", "systemd-notify", "systemd-sysusers", "systemd-tmpfiles", "systemctl", "journalctl"],
  },
  "systemd-container": { tool: "systemdNspawn", programs: ["systemd-nspawn"] },
  // Plays what a debug terminal recorded; a terminal for the command that opens one.
  asciinema: { tool: "asciinema", programs: ["asciinema"] },
  tmux: { tool: "tmux", programs: ["tmux"] },
  // Shows the status page to axe. It brings no windows, and less than the whole one.
  "chromium-headless-shell": { tool: "chromium", programs: ["chromium-headless-shell"] },
  mmdebstrap: { tool: "mmdebstrap", programs: ["mmdebstrap"] },
  zstd: { tool: "zstd", programs: ["zstd"] },
  packer: { tool: "packer", programs: ["packer"] },
  "qemu-system-x86": { tool: "qemu", programs: ["qemu-system-x86_64"] },
  // Records what a disk is told, for the tests of power cuts.
  "qemu-system-common": { tool: "qemuStorage", programs: ["qemu-storage-daemon"] },
  "qemu-utils": { tool: "qemuImg", programs: ["qemu-img"] },
  genisoimage: { tool: "genisoimage", programs: ["genisoimage", "isoinfo"] },
  fdisk: { tool: "sfdisk", programs: ["sfdisk"] },
  dosfstools: { tool: "mkfsFat", programs: ["mkfs.fat"] },
  mtools: { tool: "mcopy", programs: ["mcopy", "mmd"] },
  "grub-common": { tool: "grubMkimage", programs: ["grub-mkimage"] },
  "grub-pc-bin": { tool: "grubBios", find: () => fileAt("/usr/lib/grub/i386-pc/boot.img") },
  "grub-efi-amd64-bin": { tool: "grubEfi", find: () => fileAt("/usr/lib/grub/x86_64-efi/normal.mod") },
  openssl: { tool: "openssl", programs: ["openssl"] },
  "openssh-client": { tool: "ssh", programs: ["ssh", "ssh-keygen"] },
  haproxy: { tool: "haproxy", programs: ["haproxy"] },
  nginx: { tool: "nginx", programs: ["nginx"] },
  "libnginx-mod-stream": { tool: "nginxStream", find: () => fileAt("/usr/lib/nginx/modules/ngx_stream_module.so") },
};

/**
 * Where the tool for which a package is wanted is on this machine, if it is. @param {DebianRow} row
 */
export const findTool = ({ programs: [first] = [], find }) => (find ? find() : first && findSystemProgram(first));

/** Debian's package `busybox` puts a dynamically linked program at the same path. */
function staticBusybox() {
  const busybox = findSystemProgram("busybox");
  return busybox && isStatic(busybox) ? busybox : undefined;
}
