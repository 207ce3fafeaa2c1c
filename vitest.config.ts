import { defineConfig } from "vitest/config";
import { LongestFirst } from "./tools/check/longest-first.mjs";
import { MissingProgramsReporter } from "./tools/check/missing-programs-reporter.mjs";
import { TallyReporter } from "./tools/check/tally-reporter.mjs";

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    // Tiers of their own: npm run test:nspawn, npm run test:page.
    exclude: ["test/nspawn/**", "test/page/**"],
    // Real processes, signals and sockets: a process for each file. They wait three times as long
    // as they work: four at a time keep the two cores busy that CI has.
    pool: "forks",
    maxWorkers: 4,
    sequence: { sequencer: LongestFirst },
    testTimeout: 60_000,
    // A second, as it is without this, is no time on a busy machine.
    expect: { poll: { timeout: 30_000, interval: 20 } },
    hookTimeout: 60_000,
    teardownTimeout: 30_000,
    reporters: ["default", new TallyReporter(), new MissingProgramsReporter()],
  },
});
