import { randomBytes } from "node:crypto";
import { mkdir, open, readFile, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { z } from "zod";
import { TempDir } from "../../../sandbox/stack/temp-dir.ts";
import { command } from "../../../test/nspawn/stage/command.ts";
import { BenchFailed } from "../../failure.ts";
import { say } from "../../output.ts";
import { packageDir } from "../../process/toolchain.ts";
import { median } from "../../report/statistics.ts";

/** A new volume, until it is mounted. Medians, ms. */
export interface FormattedVolume {
  readonly filesystem: "ext4" | "xfs";
  readonly kind: "per boot" | "kept";
  readonly sizeGb: number;
  readonly luksFormatMs: number;
  readonly unlockMs: number;
  readonly mkfsMs: number;
  /** What mkfs wrote: on a slow disk, time. */
  readonly mkfsWroteMb: number;
  readonly mountMs: number;
}

const SIZES_GB = [10, 1_000] as const;
const ROUNDS = 5;
const SECTOR_BYTES = 512;
const KEY_BYTES = 64;

/** `builder-agent volume open --dry-run --json`, as far as it is read here. */
const Planned = z.object({ commands: z.array(z.object({ argv: z.array(z.string()) })) });

interface Order {
  readonly filesystem: FormattedVolume["filesystem"];
  readonly kind: FormattedVolume["kind"];
  readonly sizeGb: number;
}

const ORDERS: readonly Order[] = (["ext4", "xfs"] as const).flatMap((filesystem) =>
  (["per boot", "kept"] as const).flatMap((kind) => SIZES_GB.map((sizeGb) => ({ filesystem, kind, sizeGb }))),
);

/**
 * By the commands that the agent itself prints for such a volume, on sparse files: what they cost
 * beside the disk. The mapping in between takes a kernel with dm-crypt, and is left out.
 */
export async function formatVolumes(signal: AbortSignal): Promise<readonly FormattedVolume[]> {
  const volumes: FormattedVolume[] = [];
  for (const order of ORDERS) {
    say(`a new ${order.filesystem} volume of ${order.sizeGb} GB, ${order.kind}`);
    const rounds: Once[] = [];
    for (let round = 0; round < ROUNDS; round += 1) {
      signal.throwIfAborted();
      rounds.push(await once(order));
    }
    const of = (figure: keyof Once): number => median(rounds.map((one) => one[figure]));
    volumes.push({
      ...order,
      luksFormatMs: of("luksFormatMs"),
      unlockMs: of("unlockMs"),
      mkfsMs: of("mkfsMs"),
      mkfsWroteMb: of("mkfsWroteMb"),
      mountMs: of("mountMs"),
    });
  }
  return volumes;
}

type Once = Omit<FormattedVolume, keyof Order>;

async function once(order: Order): Promise<Once> {
  await using directory = await TempDir.make(join(tmpdir(), "bench-volume-"));
  const disk = join(directory.path, "disk");
  const key = join(directory.path, "key");
  const at = join(directory.path, "mounted");
  await writeFile(key, randomBytes(KEY_BYTES), { mode: 0o600 });
  await mkdir(at);
  await (await open(disk, "w")).close();
  await truncate(disk, order.sizeGb * 1e9);
  const planned = await plannedFor(order, disk, key);
  const format = wordsOf(planned, "luksFormat").map((word) => (word === "-" ? key : uuidFor(word)));
  const luksFormatMs = await took(format);
  const unlockMs = await took(["cryptsetup", "open", "--test-passphrase", "--key-file", key, disk]);
  const device = (
    await command("losetup", ["--find", "--show", "--offset", String(32_768 * SECTOR_BYTES), disk])
  ).trim();
  try {
    const before = await writtenMb(device);
    const mkfsMs = await took([...wordsOf(planned, `mkfs.${order.filesystem}`).slice(0, -1), device]);
    await command("sync", [device]);
    const mkfsWroteMb = (await writtenMb(device)) - before;
    // As the unit of the mount has it.
    const mountMs = await took(["mount", "-o", "noatime,discard", device, at]);
    await command("umount", [at]);
    return { luksFormatMs, unlockMs, mkfsMs, mkfsWroteMb, mountMs };
  } finally {
    await command("losetup", ["--detach", device]);
  }
}

/** What the agent would run. */
async function plannedFor(
  { filesystem, kind }: Order,
  disk: string,
  key: string,
): Promise<readonly (readonly string[])[]> {
  const said = await command(process.execPath, [
    ...[join(packageDir, "dist/agent/cli/main.js"), "volume", "open", "--dry-run", "--json"],
    ...["--org", "bench", "--project", "start", "--device", `file:${disk}`, "--filesystem", filesystem],
    ...(kind === "kept" ? ["--key-file", key] : []),
  ]);
  return Planned.parse(JSON.parse(said)).commands.map(({ argv }) => argv);
}

function wordsOf(commands: readonly (readonly string[])[], word: string): readonly string[] {
  const found = commands.find((words) => words.slice(0, 2).includes(word));
  if (found === undefined) throw new BenchFailed(`The agent would run no ${word} for a new volume.`);
  return found;
}

/** The dry run does not choose one. */
function uuidFor(word: string): string {
  return word === "NEW-UUID" ? "11111111-2222-4333-8444-555555555555" : word;
}

async function took([program = "", ...args]: readonly string[]): Promise<number> {
  const begunMs = performance.now();
  await command(program, args);
  return performance.now() - begunMs;
}

async function writtenMb(device: string): Promise<number> {
  // Sectors written (Documentation/admin-guide/iostats).
  const fields = (await readFile(`/sys/class/block/${basename(device)}/stat`, "utf8")).trim().split(/\s+/);
  return (Number(fields[6]) * SECTOR_BYTES) / 1e6;
}
