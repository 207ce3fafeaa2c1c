import { randomBytes, randomUUID } from "node:crypto";
import { existsSync, statSync } from "node:fs";
import { mkdtemp, readlink, rm, symlink, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Command, Outcome, RunCommand } from "../../agent/adapters/volume/command.ts";
import { dumpHeader, readUuid, tryKey } from "../../agent/adapters/volume/cryptsetup.ts";
import { runCommand } from "../../agent/adapters/volume/run-command.ts";
import { type VolumeHost, volumeHost } from "../../agent/adapters/volume/volume-host.ts";
import { Secret } from "../../agent/core/secret.ts";
import type { MappingFacts } from "../../agent/core/volume/inventory.ts";
import type { VolumeOrder } from "../../agent/core/volume/order.ts";
import { HEADER_BYTES } from "../../agent/core/volume/sizes.ts";

const DONE: Outcome = { code: 0, stdout: "", stderr: "", lastWords: "" };

/**
 * A machine whose disks are files. All tools are the real ones; only what needs a kernel with
 * device-mapper stands in: an open volume is a file beside the disk that keeps its plain content,
 * by LUKS uuid, and opens only with a key that cryptsetup accepts.
 */
export class StandInMachine implements AsyncDisposable {
  readonly directory: string;
  /** Every command that was run, with what it read. */
  readonly ran: { readonly command: Command; readonly input: Buffer | undefined }[] = [];
  /** What udev tells. */
  database = "";
  bootId = randomUUID();
  mountPoints: readonly string[] = [];
  /** What the kernel tells of the open volume's mapping. */
  table = "";
  /** Called before each command: may throw, as a power cut would. */
  before: (command: Command) => void | Promise<void> = () => undefined;
  /** Called after each command that ended well. */
  after: (command: Command) => void | Promise<void> = () => undefined;
  #mapped: MappingFacts | undefined;

  private constructor(directory: string) {
    this.directory = directory;
  }

  static async start(): Promise<StandInMachine> {
    return new StandInMachine(await mkdtemp("/tmp/volume-"));
  }

  get mappingPath(): string {
    return join(this.directory, "mapping");
  }

  get stateDir(): string {
    return join(this.directory, "state");
  }

  get runtimeDir(): string {
    return join(this.directory, "run");
  }

  host(): VolumeHost {
    const { bootId, runtimeDir: volumeRuntimeDir, stateDir: volumeStateDir } = this;
    const real = volumeHost({ bootId, volumeRuntimeDir, volumeStateDir });
    const mappings = { path: this.mappingPath, able: () => Promise.resolve(true), look: () => this.#look() };
    return { ...real, run: this.#run, mappings, images: true };
  }

  /** Power is cut: what was open is not, and tmpfs is empty. */
  async reboot(): Promise<void> {
    await this.#unmap();
    await rm(this.runtimeDir, { recursive: true, force: true });
    this.bootId = randomUUID();
    this.before = () => undefined;
    this.after = () => undefined;
  }

  /** The plain content of the volume that is open now. */
  plain(): Promise<string> {
    return readlink(this.mappingPath);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.directory, { recursive: true, force: true });
  }

  readonly #run: RunCommand = async (command, signal, stdin) => {
    signal.throwIfAborted();
    this.ran.push({ command, input: stdin === undefined ? undefined : Buffer.from(stdin) });
    await this.before(command);
    const outcome = await this.#carriedOut(command, signal, stdin);
    await this.after(command);
    return outcome;
  };

  async #carriedOut(command: Command, signal: AbortSignal, stdin?: Uint8Array): Promise<Outcome> {
    const [verb] = command.args;
    if (command.program === "udevadm") return { ...DONE, stdout: verb === "info" ? this.database : "" };
    const isMapping = command.program === "cryptsetup" && !command.args.includes("--test-passphrase");
    if (command.program === "dmsetup") return { ...DONE, stdout: this.table };
    if (isMapping && verb === "open") return this.#map(command.args, signal, stdin);
    if (isMapping && verb === "close") {
      if (this.mountPoints.length > 0) return { ...DONE, code: 5, lastWords: "Device mapping is still in use." };
      await this.#unmap();
      return DONE;
    }
    return runCommand(command, signal, stdin);
  }

  async #map(args: readonly string[], signal: AbortSignal, key: Uint8Array | undefined): Promise<Outcome> {
    const device = args.at(-2) ?? "";
    const header = args[args.indexOf("--header") + 1] ?? "";
    if (this.#mapped !== undefined) throw new Error("Device mapping already exists");
    const tried = await runCommand(tryKey(header), signal, key);
    if (tried.code !== 0) throw new Error(`cryptsetup would not open ${device}: ${tried.lastWords}`);
    const luksUuid = (await runCommand(readUuid(header), signal)).stdout.trim();
    this.table = tableOf((await runCommand(dumpHeader(header), signal)).stdout);
    const plain = join(this.directory, `plain-${luksUuid}`);
    if (!existsSync(plain)) await writeFile(plain, "");
    await truncate(plain, sizeOfFile(device) - HEADER_BYTES);
    await symlink(plain, this.mappingPath);
    this.#mapped = { luksUuid, device, mountPoints: [] };
    return DONE;
  }

  async #unmap(): Promise<void> {
    await rm(this.mappingPath, { force: true });
    this.#mapped = undefined;
  }

  #look(): Promise<MappingFacts | undefined> {
    return Promise.resolve(this.#mapped && { ...this.#mapped, mountPoints: this.mountPoints });
  }
}

/** As dm-crypt has it for the first segment of a header; a file has no device number. */
function tableOf(json: string): string {
  // The form of LUKS2's own metadata.
  const { segments } = JSON.parse(json) as {
    readonly segments: Readonly<Record<string, { offset: string; encryption: string; sector_size: number }>>;
  };
  const { offset = "0", encryption = "", sector_size: sector = 512 } = segments[0] ?? {};
  const key = ":64:logon:cryptsetup:11111111-2222-8333-8444-555555555555-d0";
  const options = `4 allow_discards sector_size:${sector} no_read_workqueue no_write_workqueue`;
  return `0 1146880 crypt ${encryption} ${key} 0 0:0 ${Number(offset) / 512} ${options}\n`;
}

function sizeOfFile(path: string): number {
  return statSync(path).size;
}

/** What udev tells of disks: by the kernel's name, properties each. */
export function udevDatabase(disks: Readonly<Record<string, readonly string[]>>): string {
  const paragraph = ([name, lines]: readonly [string, readonly string[]]): string =>
    [`P: /devices/virtual/block/${name}`, `N: ${name}`, "E: SUBSYSTEM=block", ...lines].join("\n");
  return `${Object.entries(disks).map(paragraph).join("\n\n")}\n`;
}

export const OWNER = { orgId: "acme", projectId: "web", architecture: "amd64" };

export function perBoot(disk: string, over: Partial<VolumeOrder> = {}): VolumeOrder {
  return {
    owner: OWNER,
    volumeId: "cache-1",
    device: `file:${disk}`,
    filesystem: "ext4",
    key: { kind: "per-boot" },
    ...over,
  };
}

/**
 * A kept volume's order; each call with a copy of the key, since whoever serves an order overwrites
 * it.
 */
export function kept(disk: string, key: Uint8Array = randomBytes(64), over: Partial<VolumeOrder> = {}): VolumeOrder {
  return perBoot(disk, { key: { kind: "given", key: new Secret(Uint8Array.from(key)) }, ...over });
}
