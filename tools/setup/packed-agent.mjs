import { existsSync, rmSync } from "node:fs";
import { bundleAgent } from "../image/deb/bundle-agent.mjs";
import { saying } from "./progress.mjs";
import { hashOf, isStamped, writeWhole } from "./stamp.mjs";
import { inTree, readIfThere } from "./tree.mjs";

const MAIN = "dist/packed/cli/main.js";
const stampFile = inTree("dist/packed/.packed");
/** What it was made of, and how. */
const madeOf = () =>
  hashOf(["dist/.compiled", "tools/image/deb/bundle-agent.mjs"].map((file) => readIfThere(inTree(file)) ?? ""));

/** The agent as the package carries it, for those who measure what ships. */
export const packedAgent = {
  /** @type {import("./step.mjs").Step} */
  step: {
    isDone: () => isStamped(stampFile, madeOf()),
    async carryOut() {
      const from = madeOf();
      rmSync(inTree("dist/packed"), { recursive: true, force: true });
      await saying("bundling the agent", () =>
        bundleAgent(inTree("dist/agent/cli/main.js"), inTree("dist/packed/cli")),
      );
      writeWhole(stampFile, from);
    },
  },
  find: () => (existsSync(inTree(MAIN)) ? inTree(MAIN) : undefined),
};
