import { defineConfig } from "vitest/config";
import { MissingProgramsReporter } from "./tools/check/missing-programs-reporter.mjs";
import { TallyReporter } from "./tools/check/tally-reporter.mjs";

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    // Tiers of their own: npm run test:nspawn, npm run test:page.
    exclude: ["test/nspawn/**", "test/page/**"],
    // Real processes, signals and sockets: a process for each file. They wait more than they work:
    // three at a time keep the two cores busy that CI has.
    pool: "forks",
    maxWorkers: 3,
    testTimeout: 60_000,
    hookTimeout: 60_000,
    teardownTimeout: 30_000,
    reporters: ["default", new TallyReporter(), new MissingProgramsReporter()],
  },
});
