import { join } from "node:path";
import { qemuCommand } from "../../../tools/image/guest/qemu-command.mjs";
import type { DataDisk } from "./data-disk.ts";
import { accelerator } from "./image.ts";
import { QemuProcess } from "./qemu-process.ts";
import { type CommandEnding, Ssh } from "./ssh.ts";

/** Under emulation, on a busy machine. */
const BOOT_DEADLINE_MS = 300_000;
const END_DEADLINE_MS = 180_000;
/** Where the guest finds the control plane, whatever port that has on this machine. */
export const PLANE_ADDRESS = { guestAddress: "10.0.2.100", guestPort: 443 } as const;
/** Where disks are plugged in while the machine runs. */
const SOCKETS = ["hotplug1", "hotplug2"] as const;

export interface GuestParts {
  /** What is the guest's, and nobody else's: sockets, disks. */
  readonly dir: string;
  /** A qcow2 file that it writes to. */
  readonly rootDisk: string;
  readonly serialFile: string;
  readonly keyFile: string;
  readonly busybox: string;
  /** On this machine's loopback. */
  readonly ports: { readonly ssh: number; readonly builds: number; readonly plane: number };
  readonly seed?: string;
  /** There from the start; others are plugged in while it runs. */
  readonly disks: readonly DataDisk[];
}

/** A machine: its disks stay when its power is cut. */
export class Guest implements AsyncDisposable {
  readonly parts: GuestParts;
  #qemu: QemuProcess | undefined;
  #ssh: Ssh | undefined;

  constructor(parts: GuestParts) {
    this.parts = parts;
  }

  /** Powers it on; how far it gets is for others to see. `more`: words of QEMU's command line for this run. */
  async start(more: readonly string[] = []): Promise<void> {
    const { dir, rootDisk, serialFile, seed, ports, disks, busybox } = this.parts;
    const qmpSocket = join(dir, "qmp.sock");
    const command = qemuCommand({
      disk: rootDisk,
      ...(seed !== undefined && { seed }),
      forwards: [
        { hostPort: ports.ssh, guestPort: 22 },
        { hostPort: ports.builds, guestPort: 8443 },
      ],
      reaches: [{ ...PLANE_ADDRESS, hostPort: ports.plane, busybox }],
      serialFile,
      qmpSocket,
      accelerator: accelerator(),
    });
    const sockets = SOCKETS.flatMap((id, index) => ["-device", `pcie-root-port,id=${id},chassis=${index + 1}`]);
    const drives = disks.flatMap((disk) => [
      ...["-blockdev", JSON.stringify(blockdevOf(disk))],
      ...["-device", JSON.stringify(deviceOf(disk))],
    ]);
    this.#qemu = await QemuProcess.start([...command, "-no-reboot", ...sockets, ...drives, ...more], qmpSocket);
  }

  get qemu(): QemuProcess {
    if (this.#qemu === undefined) throw new Error("The guest was never started");
    return this.#qemu;
  }

  /** Waits until it can be logged in to. */
  async reachable(): Promise<Ssh> {
    const { ports, keyFile, dir } = this.parts;
    const address = { port: ports.ssh, keyFile, controlSocket: join(dir, "ssh.sock") };
    this.#ssh ??= await Ssh.connect(address, AbortSignal.timeout(BOOT_DEADLINE_MS));
    return this.#ssh;
  }

  /** How a line of shell, as root, ends. */
  async tries(line: string, how: { stdin?: string; deadlineMs?: number } = {}): Promise<CommandEnding> {
    return (await this.reachable()).run(line, how);
  }

  /** What a line of shell, as root, prints. @throws {Error} unless it ends with 0. */
  async run(line: string, how: { stdin?: string; deadlineMs?: number } = {}): Promise<string> {
    const { exitCode, stdout, stderr } = await this.tries(line, how);
    if (exitCode !== 0) throw new Error(`In the guest, with exit code ${exitCode}: ${line}\n${stdout}${stderr}`);
    return stdout.trim();
  }

  /** Plugs a disk in while it runs. */
  async attach(disk: DataDisk, socket: 0 | 1 = 0): Promise<void> {
    await this.qemu.ask("blockdev-add", blockdevOf(disk));
    await this.qemu.ask("device_add", { ...deviceOf(disk), bus: SOCKETS[socket] });
  }

  async hangUp(): Promise<void> {
    await this.#ssh?.[Symbol.asyncDispose]();
    this.#ssh = undefined;
  }

  async cutPower(): Promise<void> {
    await this.#qemu?.cutPower();
    await this.hangUp();
  }

  /** Lets it end in order, and waits until it has. A reboot is this, and `start` again. */
  async powerOff(): Promise<void> {
    await this.tries("systemctl poweroff");
    await this.hangUp();
    await this.qemu.ended(END_DEADLINE_MS);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.cutPower();
  }
}

function blockdevOf({ file, serial, readOnly }: DataDisk): Readonly<Record<string, unknown>> {
  // Whatever the guest has written is in this machine's memory at least, and outlives QEMU; only this machine's own end would lose it.
  const cache = { direct: false, "no-flush": true };
  return {
    "node-name": `data-${serial}`,
    driver: "raw",
    "read-only": readOnly,
    cache,
    file: { driver: "file", filename: file, cache, discard: "unmap", "read-only": readOnly },
    discard: "unmap",
  };
}

function deviceOf({ serial }: DataDisk): Readonly<Record<string, unknown>> {
  return { driver: "virtio-blk-pci", id: `device-${serial}`, drive: `data-${serial}`, serial };
}
