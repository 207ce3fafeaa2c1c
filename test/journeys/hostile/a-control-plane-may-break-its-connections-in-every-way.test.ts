import { afterAll, it } from "vitest";
import { machineWithAWay } from "../recovery/stage/machine-with-a-way.ts";
import { besieged, unharmed } from "./stage/besieged.ts";
import type { Conduct } from "./stage/far-end.ts";
import { type Figure, record } from "./stage/figures.ts";
import { MISCONDUCT, misbehave } from "./stage/frames.ts";
import { SECONDS } from "./stage/seconds.ts";

/** Every day: another one at each connection, which control makes when the last is over. */
const TOGETHER_MS = 4_000;

const { way, stage } = await machineWithAWay();
const rows =
  SECONDS === 0
    ? [{ what: "all of it in turn", all: MISCONDUCT, forMs: TOGETHER_MS }]
    : MISCONDUCT.map((one) => ({ what: one.what, all: [one], forMs: SECONDS * 1_000 }));

const figures: Figure[] = [];
const sinceMs = performance.now();
afterAll(() => record("hostile-connections", sinceMs, figures));

it.each(rows)(
  "a build goes on, control stays small and its log short, while without end $what",
  { timeout: 120_000 + SECONDS * 2_000 },
  async ({ what, all, forMs }) => {
    let [connections, said] = [0, 0];
    const conduct: Conduct = {
      speaks: "bytes",
      connected(socket) {
        const now = all[(connections += 1) % all.length];
        if (now !== undefined) misbehave(socket, now, () => (said += 1));
      },
    };
    const seen = await besieged(stage(), way, { forMs, conduct, times: () => said });
    figures.push({ what, said, ...seen });
  },
);

it("and when it is over, the next build passes, and no session was lost or told twice", () => unharmed(stage()));
