import { EX_NOPERM, SetupFailed } from "./failure.mjs";

/**
 * Told at once, not after minutes of building what could not be used. @param {string} why One
 * clause. @returns {import("./step.mjs").Step}
 */
export const needsRoot = (why) => ({
  isDone() {
    if (process.getuid?.() === 0) return true;
    throw new SetupFailed(why, {
      advice: "run the same command as root; npm test runs without, and skips by name what it then cannot do",
      exitCode: EX_NOPERM,
    });
  },
  async carryOut() {},
});
