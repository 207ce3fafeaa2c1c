import { compile } from "./compile.mjs";
import { debianPackages } from "./debian-packages.mjs";
import { goTool } from "./go-tool.mjs";
import { goTools } from "./go-tools.mjs";
import { needsRoot } from "./needs-root.mjs";
import { nodeVersion } from "./node-version.mjs";
import { node24 } from "./node24.mjs";
import { npmPackages } from "./npm-packages.mjs";
import { packedAgent } from "./packed-agent.mjs";
import { baseSystem } from "./program-folder.mjs";
import { toolchain } from "./toolchain.mjs";
import { unpackedProgram } from "./unpacked-program.mjs";

const [buildkit, buildx, bbolt] = [goTool(goTools.buildkit), goTool(goTools.buildx), goTool(goTools.bbolt)];
const h2reader = goTool(goTools.h2reader);
const promtool = unpackedProgram({ name: "prometheus", program: "promtool" });
/** As the image carries it. */
const imageNode = node24();
const [tailscale, headscale] = [goTool(goTools.tailscale), goTool(goTools.headscale)];

const network = ["containernetworking-plugins", "iproute2", "iptables", "nftables", "procps"];
// BuildKit starts git and xz for what it builds from.
const builder = ["runc", "busybox-static", ...network, "git", "xz-utils"];
const volume = ["cryptsetup-bin", "dmsetup", "e2fsprogs", "xfsprogs", "util-linux"];
const recorder = ["qemu-system-common"];
const units = ["systemd"];
// Small beside what the image takes: the template and a guest's seed are looked at every day.
const template = ["packer", "genisoimage"];
const terminals = ["asciinema", "tmux"];
const browser = ["chromium-headless-shell"];
// What verifiers read is made by another maker than the one that they read with.
const forgers = ["openssl"];
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
const tools = toolchain([
  ...[buildkit, buildx, bbolt, tailscale, headscale, h2reader],
  { find: async () => ({ imageNode: imageNode.find(), packedAgent: packedAgent.find() }) },
]);
const told = [compile, tools];
const sandbox = [...checks, debianPackages(builder), buildkit.step, bbolt.step, ...told];

/** @type {Readonly<Record<string, readonly import("./step.mjs").Step[]>>} */
export const profiles = {
  checks,
  demo: [builderRoot, ...sandbox],
  sandbox,
  /** A control plane alone runs nothing of a builder's. */
  plane: [...checks, compile],
  test: [
    ...[
      ...checks,
      baseSystem,
      debianPackages([...builder, ...volume, ...recorder, ...units, ...template, ...terminals, ...forgers]),
      promtool.step,
    ],
    ...[buildkit.step, buildx.step, bbolt.step, tailscale.step, headscale.step, h2reader.step, imageNode.step],
    ...[compile, packedAgent.step, tools],
  ],
  /**
   * What a tailnet of our own takes, beside a profile that compiles: the first time it is minutes.
   */
  tailnet: [...checks, tailscale.step, headscale.step, tools],
  /** A browser for the status page: half a gigabyte, which not everybody needs every day. */
  page: [...checks, debianPackages(browser)],
  nspawn: [builderRoot, ...checks, debianPackages([...builder, ...nspawn]), buildkit.step, bbolt.step, ...told],
  image: [imageRoot, ...checks, debianPackages(image)],
  boot: [imageRoot, ...checks, debianPackages(image), compile],
  vm: [builderRoot, ...checks, debianPackages([...builder, ...image]), buildkit.step, bbolt.step, ...told],
  /** What makes a root file system of Debian's and runs the journey of a fresh machine in it. */
  fresh: [imageRoot, nodeVersion, debianPackages(nspawn)],
  bench: [
    ...[builderRoot, ...checks, debianPackages([...builder, ...peers]), buildkit.step, imageNode.step],
    ...[compile, packedAgent.step, tools],
  ],
};
