import { spawnSync } from "node:child_process";
import { dirname } from "node:path";
import { node24 } from "./setup/node24.mjs";
import { runSteps } from "./setup/step.mjs";
import { inTree } from "./setup/tree.mjs";

// The tests once more, on the Node that the image carries. Children that tests start as `node` are of that version, too.
const pinned = node24();
await runSteps([pinned.step]);
const node = pinned.find();
if (!node)
  throw new Error("Node 24 is missing though it was just installed: is there a build of it for this processor?");
const { status } = spawnSync(node, [inTree("tools/check.mjs"), "--only", "vitest", ...process.argv.slice(2)], {
  stdio: "inherit",
  env: { ...process.env, PATH: `${dirname(node)}:${process.env["PATH"]}` },
});
process.exitCode = status ?? 1;
