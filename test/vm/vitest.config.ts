import { defineConfig } from "vitest/config";
import { MissingProgramsReporter } from "../../tools/check/missing-programs-reporter.mjs";
import { TallyReporter } from "../../tools/check/tally-reporter.mjs";
import { paced } from "./machine/pace.ts";

/** What is inside has shorter limits, which say more. */
const JOURNEY_LIMIT_MS = paced(900_000);

export default defineConfig({
  test: {
    include: ["test/vm/**/*.journey.ts"],
    setupFiles: ["test/vm/stage/set-up-file.ts"],
    pool: "forks",
    // Two emulated machines at once, with two processors each, take longer on two cores than one
    // after the other.
    maxWorkers: 1,
    // The journeys of a process share a machine that sleeps.
    isolate: false,
    // For each journey, and for what it stands on.
    testTimeout: JOURNEY_LIMIT_MS,
    hookTimeout: JOURNEY_LIMIT_MS,
    teardownTimeout: 60_000,
    reporters: ["verbose", new TallyReporter(), new MissingProgramsReporter()],
  },
});
