import { setTimeout } from "node:timers/promises";
import * as fc from "fast-check";
import { afterAll, beforeAll, expect, it } from "vitest";
import { Foundry, mayEnter, type Recipe, recipe } from "./generated-certificates.ts";
import { grantFor, Rig } from "./rig.ts";
import { answers } from "./visit.ts";

/**
 * A thousand every day: some ten seconds, and thirty where the machine is busy. `npm run
 * test:certificates` takes ten thousand.
 */
const CERTIFICATES = Number(process.env["BUILDER_AGENT_CERTIFICATES"] || 1_000);
/** Four times what one took on a busy machine; and starting, and making the keys. */
const DEADLINE_MS = 60_000 + CERTIFICATES * 120;
/**
 * Pauses of the host look like dear handshakes, and all of ours are of one address. When that is
 * turned away nothing was judged: it is asked again once its bar is over, so many times.
 */
const MOST_BARS = 3;
const FIRST_BAR_MS = 5_500;

/** Handshakes side by side: the gateway is another process, on another core. */
const AT_ONCE = 20;

let rig: Rig;
let foundry: Foundry;

beforeAll(async () => {
  rig = await Rig.start({ asProcess: true, limits: { maxSessionsPerBuildPerMinute: CERTIFICATES } });
  foundry = await Foundry.open(rig.ca);
  const grants = [
    grantFor("open"),
    grantFor("other"),
    grantFor("pinned", { keySpkiSha256: foundry.keys[0]?.spkiSha256 ?? "" }),
    grantFor("lapsed", { expiresAtMs: Date.now() - 60_000 }),
  ];
  await rig.allow({
    grants: new Map(grants.map((grant) => [grant.buildId, grant])),
    closed: new Map([["ended", "ended"]]),
  });
});
afterAll(() => rig[Symbol.asyncDispose]());

/** Counts by reason, of a moment after the call. */
async function refusalsByNow(): Promise<Readonly<Record<string, number>>> {
  const from = rig.events.all.length;
  await rig.eventOf("stats", () => true, from);
  // The first may have been on its way.
  const { stats } = await rig.eventOf("stats", () => true, rig.events.all.length);
  return stats.refused;
}

it(
  "through the real handshake, and every authorised one does",
  async ({ annotate }) => {
    const tally = { admitted: 0, refused: 0, bars: 0 };
    const startedMs = performance.now();
    const isAdmitted = async (each: Recipe): Promise<boolean> => {
      const client = rig.connect(await foundry.cast(each));
      const admitted = await answers(client);
      client.destroy();
      return admitted;
    };
    const judge = async (batch: readonly Recipe[]): Promise<void> => {
      const admitted = await Promise.all(batch.map(isAdmitted));
      const wrong = batch.findIndex((each, at) => admitted[at] !== mayEnter(each));
      const recipeOfWrong = batch[wrong];
      if (recipeOfWrong === undefined) {
        for (const each of admitted) tally[each ? "admitted" : "refused"] += 1;
        return;
      }
      const refusals = await refusalsByNow();
      const what = `${admitted[wrong] ? "admitted" : "refused"}: ${JSON.stringify(recipeOfWrong)}; refusals: ${JSON.stringify(refusals)}`;
      const isBar = !admitted[wrong] && (refusals["handshakes-too-costly"] ?? 0) > 0;
      if (!isBar || tally.bars === MOST_BARS) throw new Error(what);
      await setTimeout(FIRST_BAR_MS * 2 ** tally.bars);
      tally.bars += 1;
      await judge(batch);
    };
    await fc.assert(fc.asyncProperty(fc.array(recipe, { minLength: AT_ONCE, maxLength: AT_ONCE }), judge), {
      numRuns: CERTIFICATES / AT_ONCE,
      // The message names the one of a batch that is wrong: nothing is to be shrunk.
      endOnFailure: true,
    });
    await annotate(
      `${tally.admitted} admitted, ${tally.refused} refused in ${Math.round(performance.now() - startedMs)} ms; barred ${tally.bars} times`,
    );
    expect(tally.admitted).toBeGreaterThan(CERTIFICATES / 10);
    expect(tally.refused).toBeGreaterThan(CERTIFICATES / 4);
  },
  DEADLINE_MS,
);
