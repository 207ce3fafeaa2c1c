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

it(
  "through the real handshake, and every authorised one does",
  async ({ annotate }) => {
    const tally = { admitted: 0, refused: 0 };
    const startedMs = performance.now();
    const judge = async (each: Recipe): Promise<void> => {
      const client = rig.connect(await foundry.cast(each));
      const admitted = await answers(client);
      client.destroy();
      if (admitted !== mayEnter(each)) throw new Error(`${admitted ? "admitted" : "refused"}: ${JSON.stringify(each)}`);
      tally[admitted ? "admitted" : "refused"] += 1;
    };
    await fc.assert(
      fc.asyncProperty(fc.array(recipe, { minLength: AT_ONCE, maxLength: AT_ONCE }), async (batch) => {
        await Promise.all(batch.map(judge));
      }),
      { numRuns: CERTIFICATES / AT_ONCE },
    );
    await annotate(
      `${tally.admitted} admitted, ${tally.refused} refused in ${Math.round(performance.now() - startedMs)} ms`,
    );
    expect(tally.admitted).toBeGreaterThan(CERTIFICATES / 10);
    expect(tally.refused).toBeGreaterThan(CERTIFICATES / 4);
  },
  DEADLINE_MS,
);
