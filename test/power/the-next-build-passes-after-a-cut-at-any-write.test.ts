import { existsSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeEach, expect, it } from "vitest";
import { TempDir } from "../../sandbox/stack/temp-dir.ts";
import { whyNoBuildkit } from "../buildkit/real-buildkit.ts";
import { whyNoLoop } from "../volume/loop-device.ts";
import { type Judged, tellFigures } from "./figures.ts";
import { broken, judge } from "./judge.ts";
import type { Filesystem } from "./power-stage.ts";
import { record } from "./recording.ts";

const EVERYDAY_CUTS = 3;
/** All of them together. */
const CUTS = Number(process.env["BUILDER_AGENT_CUTS"] || EVERYDAY_CUTS);
const IS_LONG = CUTS > EVERYDAY_CUTS;
/** The cuts are the same again; what is written before them is not, to the byte. */
const SEED = Number(process.env["BUILDER_AGENT_SEED"] || Date.now() % 2 ** 31);
/** The kernel writes back what is 30 s old: the long form sees that, too. */
const RECORD_MS = IS_LONG ? 75_000 : 4_500;
const ON: readonly Filesystem[] = IS_LONG ? ["ext4", "xfs"] : ["ext4"];
const LIMIT_MS = 4 * RECORD_MS + 120_000 + CUTS * 40_000;

const judged: Judged[] = [];
const beganMs = performance.now();

beforeEach(async ({ skip }) => {
  const why = whyNoBuildkit() ?? (await whyNoLoop()) ?? (existsSync("/dev/fuse") ? undefined : "there is no FUSE here");
  if (why !== undefined) skip(why);
});

afterAll(async () => {
  const seconds = (performance.now() - beganMs) / 1_000;
  if (IS_LONG && judged.length === ON.length)
    await tellFigures(
      "power-cuts-without-a-guest",
      `BUILDER_AGENT_CUTS=${CUTS} BUILDER_AGENT_SEED=${SEED} npm run test:cuts`,
      seconds,
      judged,
    );
});

it.each(ON)(
  `on %s the next machine builds all that had passed, byte for byte, and tells what is lost (seed ${SEED})`,
  { timeout: LIMIT_MS },
  async (filesystem) => {
    await using dir = await TempDir.make(join(tmpdir(), "power-"));
    const recording = await record(dir.path, filesystem, RECORD_MS);
    const verdicts = await judge(recording, Math.ceil(CUTS / ON.length), SEED, dir.path);
    expect(broken(verdicts)).toEqual([]);
    judged.push({ what: filesystem, recording, verdicts });
  },
);
