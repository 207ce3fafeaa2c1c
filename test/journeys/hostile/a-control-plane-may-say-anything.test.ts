import { afterAll, expect, it } from "vitest";
import { machineWithAWay } from "../recovery/stage/machine-with-a-way.ts";
import { besieged, unharmed } from "./stage/besieged.ts";
import { type Conduct, flood } from "./stage/far-end.ts";
import { type Figure, record } from "./stage/figures.ts";
import { allThatMayBeSaid, type Said } from "./stage/said.ts";
import { SECONDS } from "./stage/seconds.ts";

const TOGETHER_MS = 3_000;

const { way, stage } = await machineWithAWay();
const all = allThatMayBeSaid(stage);
/** Every day. */
const some = all.filter(({ isDear }) => !isDear);
const together: Said = {
  what: "this and that in turn",
  next: (at) => some[at % some.length]?.next(at) ?? new Uint8Array(),
};
const rows =
  SECONDS === 0 ? [{ ...together, forMs: TOGETHER_MS }] : all.map((said) => ({ ...said, forMs: SECONDS * 1_000 }));

const figures: Figure[] = [];
const sinceMs = performance.now();
afterAll(() => record("hostile-words", sinceMs, figures));

it.each(rows)(
  "a build goes on, control stays small and its log short, while it is told without end: $what",
  { timeout: 120_000 + SECONDS * 2_000 },
  async ({ what, next, forMs }) => {
    let said = 0;
    const conduct: Conduct = { speaks: "grpc", attach: (call) => flood(call, () => next((said += 1))) };
    const seen = await besieged(stage(), way, { forMs, conduct, times: () => said });
    figures.push({ what, said, ...seen });
    // In turn, a state that is refused is over with the next one that is not.
    const begun = SECONDS > 0 ? seen.troublesBegun : [];
    expect(begun.filter((name, at) => begun.indexOf(name) !== at)).toEqual([]);
  },
);

it("and when it is over, the next build passes, and no session was lost or told twice", () => unharmed(stage()));
