import { spawnSync } from "node:child_process";
import { inTree } from "../setup/tree.mjs";
import { step } from "./step.mjs";

/** @param {string} profile */
export const setUp = (profile) =>
  step("set-up", async () => {
    const { status } = spawnSync(process.execPath, [inTree("tools/setup.mjs"), profile], { stdio: "inherit" });
    return status === 0 ? "" : "the machine could not be set up (see above), and what needs it was not run";
  });
