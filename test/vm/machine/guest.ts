import { randomBytes } from "node:crypto";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { qemuCommand } from "../../../tools/image/guest/qemu-command.mjs";
import type { DataDisk } from "./data-disk.ts";
import { accelerator } from "./image.ts";
import { paced } from "./pace.ts";
import { QemuProcess } from "./qemu-process.ts";
import { type CommandEnding, Ssh } from "./ssh.ts";

/** Under emulation. */
const BOOT_DEADLINE_MS = paced(300_000);
const END_DEADLINE_MS = paced(180_000);
const SLEEP_DEADLINE_MS = paced(120_000);
/** Where the guest finds the control plane, whatever port that has on this machine. */
export const PLANE_ADDRESS = { guestAddress: "10.0.2.100", guestPort: 443 } as const;
/**
 * Every copy of a machine that slept would draw the same random numbers (BuildKit's ids, also for
 * what it keeps): 0x5207 is RNDRESEEDCRNG of linux/random.h.
 */
const DRAW_OTHER_NUMBERS = `perl -e 'open(F, "+>", "/dev/urandom"); syswrite(F, <STDIN>); ioctl(F, 0x5207, 0) or die $!'`;
/** Where disks are plugged in while the machine runs. */
const SOCKETS = 8;

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
  #attached = 0;

  constructor(parts: GuestParts) {
    this.parts = parts;
  }

  /** Wakes a machine that fell asleep with these disks and nothing plugged in, into today. */
  async wake(memoryFile: string): Promise<void> {
    await this.start(["-incoming", `exec:cat ${memoryFile}`]);
    // First the way in, which takes seconds.
    await this.reachable();
    await this.run(
      [
        `date --set=@${(Date.now() / 1_000).toFixed(3)}`,
        DRAW_OTHER_NUMBERS,
        // The connection that it remembers ended with the life that made it.
        `ss --kill dst ${PLANE_ADDRESS.guestAddress} >/dev/null`,
      ].join(" && "),
      { stdin: randomBytes(64).toString("hex") },
    );
  }

  /**
   * Puts all that is in its memory into a file, and ends. What it wrote to its disk is on its disk.
   */
  async fallAsleep(memoryFile: string): Promise<void> {
    await this.hangUp();
    await this.qemu.ask("migrate-set-parameters", { "max-bandwidth": 2 ** 40 });
    await this.qemu.ask("migrate", { uri: `exec:cat > ${memoryFile}` });
    for (const deadline = AbortSignal.timeout(SLEEP_DEADLINE_MS); ; await sleep(200, undefined, { signal: deadline })) {
      // As QEMU documents it.
      const { status } = (await this.qemu.ask("query-migrate")) as { readonly status?: string };
      if (status === "completed") break;
      if (status === "failed") throw new Error("QEMU could not put the machine to sleep");
    }
    await this.cutPower();
  }

  /**
   * Powers it on; how far it gets is for others to see. `more`: words of QEMU's command line for
   * this run.
   */
  async start(more: readonly string[] = []): Promise<void> {
    const { rootDisk, serialFile, seed, ports, disks, busybox } = this.parts;
    const command = qemuCommand({
      disk: rootDisk,
      ...(seed !== undefined && { seed }),
      forwards: [
        { hostPort: ports.ssh, guestPort: 22 },
        { hostPort: ports.builds, guestPort: 8443 },
      ],
      reaches: [{ ...PLANE_ADDRESS, hostPort: ports.plane, busybox }],
      serialFile,
      qmpSocket: this.#qmpSocket,
      accelerator: accelerator(),
    });
    const sockets = Array.from({ length: SOCKETS }, (_, at) => `pcie-root-port,id=socket${at},chassis=${at + 1}`);
    const drives = disks.flatMap((disk) => [
      ...["-blockdev", JSON.stringify(blockdevOf(disk))],
      ...["-device", JSON.stringify(deviceOf(disk))],
    ]);
    this.#attached = 0;
    this.#qemu = await QemuProcess.start(
      [...command, "-no-reboot", ...sockets.flatMap((socket) => ["-device", socket]), ...drives, ...more],
      this.#qmpSocket,
    );
  }

  get #qmpSocket(): string {
    return join(this.parts.dir, "qmp.sock");
  }

  get isOn(): boolean {
    return this.#qemu?.isRunning ?? false;
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
  async attach(disk: DataDisk): Promise<void> {
    await this.qemu.ask("blockdev-add", blockdevOf(disk));
    await this.qemu.ask("device_add", { ...deviceOf(disk), bus: `socket${this.#attached}` });
    this.#attached += 1;
    await this.run(`udevadm wait --timeout=60 ${disk.device}`);
  }

  async hangUp(): Promise<void> {
    await this.#ssh?.[Symbol.asyncDispose]();
    this.#ssh = undefined;
  }

  async cutPower(): Promise<void> {
    await this.#qemu?.cutPower();
    await this.hangUp();
    await rm(this.#qmpSocket, { force: true });
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

function blockdevOf({ file, serial, readOnly, logFile }: DataDisk): Readonly<Record<string, unknown>> {
  // Whatever the guest has written is in this machine's memory at least, and outlives QEMU; only
  // this machine's own end would lose it.
  const cache = { direct: false, "no-flush": true };
  const node = { "node-name": `data-${serial}`, "read-only": readOnly, discard: "unmap" };
  const raw = {
    driver: "raw",
    "read-only": readOnly,
    cache,
    file: { driver: "file", filename: file, cache, discard: "unmap", "read-only": readOnly },
    discard: "unmap",
  };
  if (logFile === undefined) return { ...raw, ...node };
  // Flushes end below it: they belong into the log.
  return { ...node, driver: "blklogwrites", file: raw, log: { driver: "file", filename: logFile, cache } };
}

function deviceOf({ serial }: DataDisk): Readonly<Record<string, unknown>> {
  return { driver: "virtio-blk-pci", id: `device-${serial}`, drive: `data-${serial}`, serial };
}
