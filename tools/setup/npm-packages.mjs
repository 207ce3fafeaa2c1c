import { run } from "./child.mjs";
import { saying } from "./progress.mjs";
import { hashOf, isStamped, writeWhole } from "./stamp.mjs";
import { inTree, readIfThere } from "./tree.mjs";

const DEADLINE_MS = 15 * 60_000;
// Inside node_modules, so that whoever deletes or reinstalls that takes the stamp along.
const stampFile = inTree("node_modules/.builder-agent-setup");

const wanted = () => hashOf([readIfThere(inTree("package-lock.json")), process.platform, process.arch]);

/** @type {import("./step.mjs").Step} */
export const npmPackages = {
  isDone: () => isStamped(stampFile, wanted()),
  async carryOut() {
    await saying("installing the npm packages of package-lock.json", () =>
      run({
        what: "npm ci",
        ...npm(),
        cwd: inTree(),
        deadlineMs: DEADLINE_MS,
        advice: "check that the npm registry can be reached, then run the same command again",
      }),
    );
    writeWhole(stampFile, wanted());
  },
};

const CLEAN_INSTALL = ["ci", "--ignore-scripts", "--include=dev", "--no-audit", "--no-fund", "--loglevel=warn"];

/** The npm that runs us, if one does: it need not be on PATH. */
export function npm(args = CLEAN_INSTALL) {
  const running = process.env["npm_execpath"];
  return running ? { command: process.execPath, args: [running, ...args] } : { command: "npm", args };
}
