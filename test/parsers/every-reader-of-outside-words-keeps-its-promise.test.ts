import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { allParsers } from "./all-parsers.ts";
import { filled, inputs, largeInputs } from "./inputs.ts";
import { broken, brokenByLarge } from "./judged.ts";

/** Two hundred of each every day: some seconds. `npm run test:parsers` takes ten thousand. */
const CASES = Number(process.env["BUILDER_AGENT_PARSER_CASES"] || 200);
/** A failure names the seed that shows it again. */
const SEED = Number(process.env["BUILDER_AGENT_SEED"] || Date.now() % 2 ** 31);
const LARGE_CASES = Math.ceil(CASES / 500);
const DEADLINE_MS = 120_000 + CASES * 30;

describe.each(await allParsers())("$name", (parser) => {
  const because = `BUILDER_AGENT_SEED=${SEED}`;

  it("what is right is read", async () => {
    for (const sample of parser.samples)
      expect(await broken({ ...parser, isRefusal: () => false }, [sample])).toBeUndefined();
  });

  it(
    "whatever comes is read or refused within a second",
    async () => {
      const some = fc.sample(inputs(parser), { numRuns: CASES, seed: SEED });
      expect(await broken(parser, some), because).toBeUndefined();
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
      for (const input of [...troubles, ...large]) expect(await brokenByLarge(parser, input), because).toBeUndefined();
    },
    DEADLINE_MS,
  );
});
