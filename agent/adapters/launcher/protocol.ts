import { z } from "zod";
import type { UnitStatus } from "../../ports/buildkit.ts";
import { type Protocol, verb } from "../../wire/protocol.ts";

const Exit = z.object({
  code: z.number().exactOptional(),
  signal: z.string().exactOptional(),
  lastLines: z.array(z.string()),
  oomKills: z.number().exactOptional(),
});

const Status: z.ZodType<UnitStatus> = z.discriminatedUnion("at", [
  z.object({ at: z.literal("stopped") }),
  z.object({ at: z.literal("running"), pid: z.number() }),
  z.object({ at: z.literal("exited"), exit: Exit }),
]);

const UnitState = z.object({
  is: z.literal("unit"),
  at: z.enum(["not-installed", "inactive", "starting", "active", "stopping", "failed"]),
  result: z.string(),
});

/**
 * What goes over `manager.sock`. A configuration with as many and as long mirrors as the contract
 * allows has 1.2 MB.
 */
export const LAUNCHER: Protocol = {
  name: "launcher",
  answerer: "the launcher",
  version: 1,
  lineMaxBytes: 4 * 1024 * 1024,
};

const nothing = z.strictObject({});
const answer = z.object({ is: z.literal("done") });

/**
 * Fixed verbs. The one text that they carry goes to a file, after it was judged, and never to a
 * command line.
 */
export const BUILDKIT = {
  configure: verb(LAUNCHER, "buildkit.configure", { request: z.strictObject({ toml: z.string() }), answer }),
  start: verb(LAUNCHER, "buildkit.start", { request: nothing, answer }),
  stop: verb(LAUNCHER, "buildkit.stop", {
    request: z.strictObject({ graceMs: z.int().min(0).max(86_400_000) }),
    answer,
  }),
  watch: verb(LAUNCHER, "buildkit.watch", {
    request: nothing,
    step: z.object({ is: z.literal("status"), status: Status }),
    endsWithAsker: true,
  }),
};

export const TAILNET = {
  start: verb(LAUNCHER, "tailnet.start", { request: nothing, answer }),
  stop: verb(LAUNCHER, "tailnet.stop", { request: nothing, answer }),
  show: verb(LAUNCHER, "tailnet.show", { request: nothing, answer: UnitState }),
};
