import { z } from "zod";

/** What a sandbox is asked for, for a job of a stand-in. */
export const ciJobRequest = z.object({
  verb: z.literal("ci-job"),
  provider: z.enum(["github", "circleci", "buildkite"]),
  /** Claims that differ from those of a push to `main`. */
  claims: z.record(z.string(), z.union([z.string(), z.boolean(), z.number()])),
});

export type CiJobRequest = z.output<typeof ciJobRequest>;

/** Variables of the job's environment. */
export const ciJobEnvironment = z.record(z.string(), z.string());
