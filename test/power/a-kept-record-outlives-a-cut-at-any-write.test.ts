import { existsSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeEach, expect, it } from "vitest";
import { RECORD_LIMITS } from "../../agent/adapters/records/record-limits.ts";
import { Scope } from "../../agent/lifecycle/scope.ts";
import { TempDir } from "../../sandbox/stack/temp-dir.ts";
import { Dice } from "../gateway/http2/dice.ts";
import { openIn } from "../records/open-in.ts";
import { closed, drain, opened, opening, summary } from "../records/sessions.ts";
import { sh } from "../volume/disk-image.ts";
import { whyNoLoop } from "../volume/loop-device.ts";
import { cutAfter } from "./cut.ts";
import { RecordedDisk } from "./recorded-disk.ts";
import { ReplayedDisk } from "./replayed-disk.ts";
import { readWriteLog } from "./write-log.ts";

const CUTS = Number(process.env["BUILDER_AGENT_CUTS"] || 12);
const SEED = Number(process.env["BUILDER_AGENT_SEED"] || Date.now() % 2 ** 31);
const DISK_BYTES = 64 * 1024 * 1024;
const SESSIONS = 60;
const RUN = "gateway-run-1";
/** So that the journal is written anew a few times. */
const LIMITS = { ...RECORD_LIMITS, leastGarbageBytes: 2_000 };

beforeEach(async ({ skip }) => {
  const why = (await whyNoLoop()) ?? (existsSync("/dev/fuse") ? undefined : "there is no FUSE here");
  if (why !== undefined) skip(why);
});

it(`a record that was kept is there after ${CUTS} cuts, unless the control plane has it (seed ${SEED})`, {
  timeout: 60_000 + CUTS * 5_000,
}, async () => {
  await using dir = await TempDir.make(join(tmpdir(), "power-"));
  const kept: { readonly id: string; readonly logBytes: number }[] = [];
  const acknowledged = new Set<string>();
  let logFile = "";
  {
    await using scope = new Scope();
    const disk = scope.own(await RecordedDisk.blank(dir.path, DISK_BYTES));
    ({ logFile } = disk);
    sh("mkfs.ext4", ["-q", disk.path]);
    const state = await mounted(disk.path, join(dir.path, "state"), scope);
    const records = scope.own(await openIn(join(state, "records"), { limits: LIMITS }));
    for (let at = 0; at < SESSIONS; at += 1) {
      const id = `session-${at}`;
      await opened(records, RUN, opening(id));
      await closed(records, RUN, summary(id));
      kept.push({ id, logBytes: disk.loggedBytes });
      if (at % 5 !== 4) continue;
      const { bootId, records: given } = records.pending(4) ?? { bootId: "", records: [] };
      for (const record of given) acknowledged.add(record.summary.sessionId);
      records.acknowledge(bootId, given.at(-1)?.sequence ?? 0n);
    }
  }
  const log = readWriteLog(logFile);
  const dice = new Dice(SEED);
  const cuts = Array.from({ length: CUTS }, () => 1 + dice.upTo(log.requests.length)).toSorted((a, b) => a - b);
  const begun = log.requests.findIndex(({ logBytes }) => logBytes >= (kept[0]?.logBytes ?? 0));
  using replayed = new ReplayedDisk(log, DISK_BYTES, join(dir.path, "replayed.raw"));
  for (const after of cuts.filter((cut) => cut > begun)) {
    await using scope = new Scope();
    const image = join(dir.path, "image");
    replayed.write(cutAfter(log.requests, after, log.sectorBytes, dice), image);
    const device = sh("losetup", ["--find", "--show", image]).trim();
    scope.defer(() => void sh("losetup", ["--detach", device]));
    const state = await mounted(device, join(dir.path, "next"), scope);
    const records = scope.own(await openIn(join(state, "records"), { limits: LIMITS }));
    const found = (await drain(records)).map((line) => line.split(" ")[1]);
    const until = log.requests[after - 1]?.logBytes ?? 0;
    const promised = kept.filter(({ id, logBytes }) => logBytes <= until && !acknowledged.has(id)).map(({ id }) => id);
    expect(new Set(found).size).toBe(found.length);
    expect(found, `cut after request ${after}`).toEqual(expect.arrayContaining(promised));
  }
});

async function mounted(device: string, directory: string, scope: Scope): Promise<string> {
  await mkdir(directory, { recursive: true });
  sh("mount", ["-t", "ext4", "-o", "noatime", device, directory]);
  scope.defer(() => void sh("umount", [directory]));
  return directory;
}
