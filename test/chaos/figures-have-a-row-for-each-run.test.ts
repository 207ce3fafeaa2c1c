import { expect, it } from "vitest";
import { FAULTS } from "./faults/all.ts";
import { figuresOf } from "./report.ts";
import type { Ran } from "./run.ts";
import { build, failed, idle, timeline } from "./sample.ts";

const ran: Ran = {
  timeline: timeline(),
  explanations: [
    {
      build: build({ buildId: "b2", outcome: failed("ending:gateway-lost") }),
      by: "gateway-killed",
      told: "ending:gateway-lost",
    },
  ],
  breaches: [],
  ...{ before: idle(), after: idle() },
};
const schedule = { seed: 4_711, lengthMs: 1_800_000, faults: [] };

/** What the cells of a run's rows are, by the heads of their columns. */
function cellsOf(figures: string, seed: number): Readonly<Record<string, string>> {
  const rows = figures.split("\n").map((line) => line.split("|").map((cell) => cell.trim()));
  const heads = rows.filter((cells) => cells[1] === "seed");
  const own = rows.filter((cells) => cells[1] === String(seed));
  return Object.fromEntries(heads.flatMap((head, at) => head.map((name, column) => [name, own[at]?.[column] ?? ""])));
}

it("tells of a good run, and in which ways a build may fail by each fault", () => {
  const figures = figuresOf([{ schedule, ran }]);
  expect(cellsOf(figures, 4_711)).toMatchObject({
    ...{ minutes: "30", faults: "1", builds: "3", right: "2", "failed, explained": "1", "failed, unexplained": "0" },
    ...{ wrong: "0", sessions: "3", "records lost": "0", doubled: "0", "left over": "0", "broken promises": "0" },
    "ready after the last fault": "2.0 s",
  });
  for (const is of Object.keys(FAULTS)) expect(figures).toContain(`- \`${is}\`: `);
});

it("hides nothing of a bad one", () => {
  const because = ["session s1 of b1 has no record", "session s2 of b1 has 2 records", "mounts: /cache/x is left"];
  const bad: Ran = {
    ...ran,
    ...{ timeline: timeline({ readyMs: undefined, builds: [build({ outcome: { is: "wrong", found: "sum" } })] }) },
    breaches: because.map((why) => ({ promise: "p", because: why })),
  };
  expect(cellsOf(figuresOf([{ schedule, ran: bad }]), 4_711)).toMatchObject({
    ...{ wrong: "1", "records lost": "1", doubled: "1", "left over": "1", "broken promises": "3" },
    "ready after the last fault": "never",
  });
});
