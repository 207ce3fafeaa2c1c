import * as fc from "fast-check";
import { afterAll, afterEach, describe, expect, it } from "vitest";
import { asMeasured, writeSection } from "../../bench/report/page.ts";
import { allParsers } from "./all-parsers.ts";
import { filled, inputs, largeInputs } from "./inputs.ts";
import { broken, brokenByLarge } from "./judged.ts";

/** Two hundred of each every day: some seconds. `npm run test:parsers` takes ten thousand. */
const CASES = Number(process.env["BUILDER_AGENT_PARSER_CASES"] || 200);
/** Every day the same words; by name others. A failure names the seed that shows it again. */
const SEED = Number(process.env["BUILDER_AGENT_SEED"] || (CASES > 200 ? Date.now() % 2 ** 31 : 14));
const LARGE_CASES = Math.ceil(CASES / 500);
const DEADLINE_MS = 120_000 + CASES * 30;

const parsers = await allParsers();
const startedMs = performance.now();
let broke = 0;

afterEach(({ task }) => {
  if (task.result?.state === "fail") broke += 1;
});

afterAll(async () => {
  if (process.env["BUILDER_AGENT_WRITE_FIGURES"] !== "1") return;
  const inputsInAll = parsers.length * (CASES + LARGE_CASES);
  const rows = [
    ["readers", parsers.length],
    ["inputs", `${inputsInAll}, of them ${parsers.length * LARGE_CASES} as large as may come; seed ${SEED}`],
    ["crashes, failures that nobody expects, readings that took longer than a second (bar: 0)", broke],
  ];
  const figures = ["| what | figure |", "| --- | --- |", ...rows.map((row) => `| ${row.join(" | ")} |`)].join("\n");
  const seconds = (performance.now() - startedMs) / 1_000;
  const measured = asMeasured({ command: "npm run test:parsers", seconds, figures });
  await writeSection({ page: "docs/reliability.md", name: "parsers" }, measured);
});

describe.each(parsers)("$name", (parser) => {
  it("what is right is read", async () => {
    for (const sample of parser.samples)
      expect(await broken({ ...parser, isRefusal: () => false }, [sample])).toBeUndefined();
  });

  it(
    "whatever comes is read or refused within a second",
    async () => {
      const some = fc.sample(inputs(parser), { numRuns: CASES, seed: SEED });
      expect(toldOf(await broken(parser, some))).toBeUndefined();
    },
    DEADLINE_MS,
  );

  it(
    "as much as may come is, too, with memory in proportion",
    async () => {
      const troubles = parser.troubles.map((one) =>
        typeof one === "string" ? filled(Buffer.from(one, "latin1"), parser.mostBytes) : one,
      );
      const large = fc.sample(largeInputs(parser), { numRuns: LARGE_CASES, seed: SEED });
      for (const input of [...troubles, ...large]) expect(toldOf(await brokenByLarge(parser, input))).toBeUndefined();
    },
    DEADLINE_MS,
  );
});

function toldOf(fault: string | undefined): string | undefined {
  return fault === undefined ? undefined : `BUILDER_AGENT_SEED=${SEED}: ${fault}`;
}
