import { compile } from "./compile.mjs";
import { debianPackages } from "./debian-packages.mjs";
import { goTool } from "./go-tool.mjs";
import { goTools } from "./go-tools.mjs";
import { needsRoot } from "./needs-root.mjs";
import { nodeVersion } from "./node-version.mjs";
import { npmPackages } from "./npm-packages.mjs";
import { toolchain } from "./toolchain.mjs";

const [buildkit, buildx, bbolt] = [goTool(goTools.buildkit), goTool(goTools.buildx), goTool(goTools.bbolt)];
const [tailscale, headscale] = [goTool(goTools.tailscale), goTool(goTools.headscale)];

const builder = ["runc", "busybox-static", "containernetworking-plugins", "iproute2", "iptables", "nftables", "procps"];
const volume = ["cryptsetup-bin", "e2fsprogs", "xfsprogs", "util-linux"];
const units = ["systemd"];
const nspawn = ["systemd-container", "mmdebstrap", "zstd"];
const image = [
  ...[
    "mmdebstrap",
    "zstd",
    "e2fsprogs",
    "fdisk",
    "dosfstools",
    "mtools",
    "grub-common",
    "grub-pc-bin",
    "grub-efi-amd64-bin",
  ],
  ...[
    "packer",
    "qemu-system-x86",
    "qemu-utils",
    "genisoimage",
    "openssh-client",
    "systemd-container",
    "busybox-static",
  ],
];
const peers = ["haproxy", "nginx", "libnginx-mod-stream"];

const builderRoot = needsRoot("a real builder needs root, for runc and its mounts");
const imageRoot = needsRoot("a root file system is made by root: its files belong to many users");

const checks = [nodeVersion, npmPackages];
// Of every tool that is there, whoever had it made: a profile builds only what it needs.
const tools = toolchain([buildkit, buildx, bbolt, tailscale, headscale]);
const told = [compile, tools];
const sandbox = [...checks, debianPackages(builder), buildkit.step, bbolt.step, ...told];

/** @type {Readonly<Record<string, readonly import("./step.mjs").Step[]>>} */
export const profiles = {
  checks,
  demo: [builderRoot, ...sandbox],
  sandbox,
  test: [
    ...[...checks, debianPackages([...builder, ...volume, ...units])],
    ...[buildkit.step, buildx.step, bbolt.step, tailscale.step, headscale.step, ...told],
  ],
  /** What a tailnet of our own takes, beside a profile that compiles: the first time it is minutes. */
  tailnet: [...checks, tailscale.step, headscale.step, tools],
  nspawn: [builderRoot, ...checks, debianPackages([...builder, ...nspawn]), buildkit.step, bbolt.step, ...told],
  image: [imageRoot, ...checks, debianPackages(image)],
  boot: [imageRoot, ...checks, debianPackages(image), compile],
  vm: [builderRoot, ...checks, debianPackages([...builder, ...image]), buildkit.step, bbolt.step, ...told],
  bench: [builderRoot, ...checks, debianPackages([...builder, ...peers]), buildkit.step, ...told],
};
