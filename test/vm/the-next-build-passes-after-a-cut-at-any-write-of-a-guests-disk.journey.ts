import { randomBytes } from "node:crypto";
import { statSync } from "node:fs";
import { copyFile, mkdir } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { TempDir } from "../../sandbox/stack/temp-dir.ts";
import { tool } from "../buildkit/real-buildkit.ts";
import { Dice } from "../gateway/http2/dice.ts";
import { cutAfter } from "../power/cut.ts";
import { tellFigures } from "../power/figures.ts";
import { broken, judge } from "../power/judge.ts";
import { plainLog } from "../power/plain-log.ts";
import { dockerfile, faultsOf, layOut, type Recipe } from "../power/recipes.ts";
import type { Passed, Recording } from "../power/recording.ts";
import { ReplayedDisk } from "../power/replayed-disk.ts";
import { readWriteLog, type WriteLog } from "../power/write-log.ts";
import { DataDisk, DiskShelf } from "./machine/data-disk.ts";
import { paced } from "./machine/pace.ts";
import { kept } from "./stage/cache-wish.ts";
import { VmStage } from "./stage/vm-stage.ts";

const EVERYDAY_CUTS = 10;
const CUTS = Number(process.env["BUILDER_AGENT_CUTS"] || EVERYDAY_CUTS);
const SEED = Number(process.env["BUILDER_AGENT_SEED"] || Date.now() % 2 ** 31);
/** The kernel writes back what is 30 s old. */
const RECORD_MS = 100_000;
/** As the format of cryptsetup that the agent orders has it. */
const HEADER_BYTES = 16 * 1024 * 1024;
const FILESYSTEM = "ext4";
const LIMIT_MS = paced(600_000 + CUTS * 20_000);

const key = randomBytes(64);
let shelf: DiskShelf;
let dir: TempDir;
let disk: DataDisk;
let log: WriteLog;
const passed: Passed[] = [];

beforeAll(async () => {
  shelf = await DiskShelf.make();
  dir = await TempDir.make(join(tmpdir(), "power-"));
  disk = await shelf.blank({ logged: true });
});
afterAll(async () => {
  await dir?.[Symbol.asyncDispose]();
  await shelf?.[Symbol.asyncDispose]();
});

it("a guest builds, and every write to its encrypted disk is recorded", { timeout: LIMIT_MS }, async () => {
  const { logFile } = disk;
  if (logFile === undefined) throw new Error("This disk has no log");
  await using stage = await VmStage.wake({ disks: [disk], cacheVolume: kept(key, { filesystem: FILESYSTEM }) });
  await stage.ready();
  const over = AbortSignal.timeout(RECORD_MS);
  for (let at = 0; !over.aborted; at += 1) {
    // Steps that run make the kernel sync: most only copy.
    const recipe: Recipe = { name: `g${at}`, by: at % 4 === 3 ? "run" : "copy" };
    expect(await faultsAfter(stage, [recipe])).toEqual([]);
    passed.push({ recipe, logBytes: statSync(logFile).size });
  }
  await stage.guest.powerOff();
  log = readWriteLog(logFile);
});

it(`the next machine builds all that had passed after ${CUTS} cuts, and tells what is lost (seed ${SEED})`, {
  timeout: LIMIT_MS,
}, async () => {
  const beganMs = performance.now();
  const plain = await plainLog(log, disk.file, key, join(dir.path, "plain"));
  const sizeBytes = statSync(disk.file).size - HEADER_BYTES;
  const recording: Recording = { filesystem: FILESYSTEM, log: plain, sizeBytes, passed, prunedAtBytes: [] };
  const verdicts = await judge(recording, CUTS, SEED, dir.path);
  expect(broken(verdicts)).toEqual([]);
  const command = `BUILDER_AGENT_CUTS=${CUTS} BUILDER_AGENT_SEED=${SEED} npm run test:vm -- cut-at-any-write`;
  const seconds = (performance.now() - beganMs) / 1_000;
  if (CUTS > EVERYDAY_CUTS)
    await tellFigures("power-cuts", command, seconds, [{ what: "LUKS and ext4, of a guest", recording, verdicts }]);
});

it("another guest opens the encrypted disk of one such cut with its key, and builds", {
  timeout: LIMIT_MS,
}, async () => {
  const dice = new Dice(SEED);
  // From the first build that passed on: the volume is there, with its label.
  const first = log.requests.findIndex(({ logBytes }) => logBytes >= (passed[0]?.logBytes ?? 0));
  const cut = cutAfter(log.requests, first + dice.upTo(log.requests.length - first), log.sectorBytes, dice);
  using replayed = new ReplayedDisk(log, statSync(disk.file).size, join(dir.path, "encrypted.raw"));
  const image = join(dir.path, "cut.raw");
  replayed.write(cut, image);
  await using stage = await VmStage.wake({
    disks: [DataDisk.of(image)],
    cacheVolume: kept(key, { filesystem: FILESYSTEM }),
  });
  const { observed } = await stage.ready();
  expect(observed?.cacheVolume).toMatchObject({ encrypted: true, formatted: false });
  const until = log.requests[cut.after - 1]?.logBytes ?? 0;
  const before = passed.filter(({ logBytes }) => logBytes <= until).map(({ recipe }) => recipe);
  expect(before.length).toBeGreaterThan(0);
  expect(await faultsAfter(stage, [...before, { name: "fresh", by: "run" }])).toEqual([]);
});

let contexts = 0;

async function faultsAfter(stage: VmStage, recipes: readonly Recipe[]): Promise<readonly string[]> {
  contexts += 1;
  const context = join(dir.path, `context-${contexts}`);
  await mkdir(context);
  await copyFile(tool("busybox"), join(context, "busybox"));
  await layOut(context, recipes);
  const { client, outputDir } = await stage.build(dockerfile(recipes).split("\n"), undefined, context);
  await client.succeeds();
  return faultsOf(outputDir, recipes);
}
