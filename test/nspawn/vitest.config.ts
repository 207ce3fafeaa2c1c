import { defineConfig } from "vitest/config";
import { MissingProgramsReporter } from "../../tools/check/missing-programs-reporter.mjs";
import { TallyReporter } from "../../tools/check/tally-reporter.mjs";

export default defineConfig({
  test: {
    include: ["test/nspawn/**/*.test.ts"],
    pool: "forks",
    // One machine at a time: two cores must bear the boot that is timed.
    maxWorkers: 1,
    testTimeout: 60_000,
    hookTimeout: 120_000,
    teardownTimeout: 60_000,
    reporters: ["verbose", new TallyReporter(), new MissingProgramsReporter()],
  },
});
