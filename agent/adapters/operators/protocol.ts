import { z } from "zod";
import type { Ending } from "../../core/end-orders.ts";
import type { EndingProgress } from "../../core/ending-progress.ts";
import type { Reconnected } from "../../ports/operators.ts";
import { type Protocol, verb } from "../../wire/protocol.ts";

/** A status may name as many builds as the contract allows, each with a sentence. */
export const OPERATORS: Protocol = {
  name: "operators",
  answerer: "the agent",
  version: 1,
  lineMaxBytes: 16 * 1024 * 1024,
};

const DAY_MS = 86_400_000;
const REASON_MAX_CHARS = 256;

/** What a person types, on one line: it is printed on terminals. */
const Reason = z
  .string()
  .min(1)
  .max(REASON_MAX_CHARS)
  .regex(/^[^\p{Cc}\p{Cf}]*$/u);

const Progress: z.ZodType<EndingProgress> = z.object({
  at: z.enum(["draining", "cut", "records", "terminals", "buildkit", "cache", "tailnet", "farewell", "over"]),
  reason: z.string(),
  leftMs: z.number(),
  terminals: z.object({ count: z.number(), leftMs: z.number() }).exactOptional(),
  open: z
    .object({
      sessions: z.number(),
      builds: z.number(),
      named: z.array(z.object({ buildId: z.string(), sessions: z.number() })),
    })
    .exactOptional(),
});

const Ended: z.ZodType<Ending["ended"]> = z.enum(["stopped", "drained", "refused"]);

const Outcome: z.ZodType<Reconnected> = z.discriminatedUnion("is", [
  z.object({ is: z.literal("attached"), already: z.boolean(), lastWordMs: z.number() }),
  z.object({ is: z.literal("not-attached"), because: z.string(), nextTryMs: z.number().exactOptional() }),
  z.object({ is: z.literal("no-outcome"), afterMs: z.number(), because: z.string() }),
]);

/** The order counts from when it is read; who then goes away takes back nothing. */
export const DRAIN = verb(OPERATORS, "drain", {
  request: z.strictObject({
    graceMs: z
      .int()
      .min(0)
      .max(7 * DAY_MS)
      .exactOptional(),
    hurry: z.boolean(),
    reason: Reason,
    /** Whether to be told of the ending until it is over. */
    watch: z.boolean(),
  }),
  step: z.object({ is: z.literal("progress"), progress: Progress }),
  answer: z.discriminatedUnion("is", [
    z.object({ is: z.literal("ordered"), progress: Progress }),
    // `undone` is empty of an agent of before it was told.
    z.object({
      is: z.literal("over"),
      ended: Ended,
      reason: z.string(),
      undone: z.array(z.string()).readonly().default([]),
    }),
  ]),
  endsWithAsker: true,
});

export const RECONNECT = verb(OPERATORS, "reconnect", {
  request: z.strictObject({}),
  answer: z.object({ is: z.literal("tried"), outcome: Outcome }),
  endsWithAsker: true,
});

/** The report has a version of its own: whoever reads it takes what it knows. */
export const HEALTH = verb(OPERATORS, "health", {
  request: z.strictObject({}),
  answer: z.object({ is: z.literal("health"), report: z.record(z.string(), z.unknown()) }),
  endsWithAsker: true,
});

/** A bundle is made under this marker: the log says so, and support finds the place. */
export const MARK = verb(OPERATORS, "mark", {
  request: z.strictObject({ marker: z.string().regex(/^BUG-\d{8}T\d{6}Z-[0-9a-f]{16}$/) }),
  answer: z.object({ is: z.literal("marked") }),
  endsWithAsker: true,
});
