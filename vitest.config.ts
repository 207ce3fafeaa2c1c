import { defineConfig } from "vitest/config";
import { MissingProgramsReporter } from "./tools/check/missing-programs-reporter.mjs";
import { TallyReporter } from "./tools/check/tally-reporter.mjs";

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    // A tier of its own: npm run test:nspawn.
    exclude: ["test/nspawn/**"],
    // Real processes, signals and sockets: a process for each file, two at a time on the two cores that CI has.
    pool: "forks",
    maxWorkers: 2,
    testTimeout: 60_000,
    hookTimeout: 60_000,
    teardownTimeout: 30_000,
    reporters: ["default", new TallyReporter(), new MissingProgramsReporter()],
  },
});
