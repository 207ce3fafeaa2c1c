import { defineConfig } from "vitest/config";
import { TallyReporter } from "../../tools/check/tally-reporter.mjs";

export default defineConfig({
  test: {
    include: ["test/vm/**/*.journey.ts"],
    setupFiles: ["test/vm/stage/set-up-file.ts"],
    pool: "forks",
    // Two emulated machines at once, with two processors each, take longer on two cores than one after the other.
    maxWorkers: 1,
    // The journeys of a process share a machine that sleeps.
    isolate: false,
    // Under emulation, on a busy machine. What is inside has shorter ones.
    testTimeout: 900_000,
    hookTimeout: 900_000,
    teardownTimeout: 60_000,
    reporters: ["verbose", new TallyReporter()],
  },
});
