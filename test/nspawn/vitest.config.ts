import { defineConfig } from "vitest/config";
import { LongestFirst } from "../../tools/check/longest-first.mjs";
import { MissingProgramsReporter } from "../../tools/check/missing-programs-reporter.mjs";
import { TallyReporter } from "../../tools/check/tally-reporter.mjs";

/** Two cores must bear the boot that is timed. */
const ALONE = "test/nspawn/a-boot-takes-*.test.ts";

export default defineConfig({
  test: {
    pool: "forks",
    testTimeout: 60_000,
    hookTimeout: 120_000,
    teardownTimeout: 60_000,
    reporters: ["verbose", new TallyReporter(), new MissingProgramsReporter()],
    sequence: { sequencer: LongestFirst },
    projects: [
      {
        extends: true,
        test: {
          name: "beside each other",
          include: ["test/nspawn/**/*.test.ts"],
          exclude: [ALONE],
          // Two of the longest only look on.
          maxWorkers: 3,
          sequence: { groupOrder: 0 },
        },
      },
      // Once the others are over.
      { extends: true, test: { name: "alone", include: [ALONE], maxWorkers: 1, sequence: { groupOrder: 1 } } },
    ],
  },
});
