import { EX_UNAVAILABLE, SetupFailed } from "./failure.mjs";
import { inTree, readIfThere } from "./tree.mjs";

/**
 * Refuses a Node that is older than package.json's engines ask for. @type
 * {import("./step.mjs").Step}
 */
export const nodeVersion = {
  isDone() {
    const least = leastVersion();
    if (compare(process.versions.node, least) >= 0) return true;
    throw new SetupFailed(`this is Node ${process.versions.node}, and the agent needs ${least} or newer`, {
      advice: `install Node ${least} or newer, and put it first on PATH`,
      exitCode: EX_UNAVAILABLE,
    });
  },
  async carryOut() {},
};

function leastVersion() {
  return /"node": ">=([\d.]+)"/.exec(readIfThere(inTree("package.json")))?.[1] ?? "";
}

/** @param {string} left @param {string} right */
function compare(left, right) {
  const [a, b] = [left, right].map((version) => version.split(".").map(Number));
  for (const place of [0, 1, 2]) {
    const difference = (a?.[place] ?? 0) - (b?.[place] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}
