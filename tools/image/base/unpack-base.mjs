import { mkdirSync, renameSync, rmSync } from "node:fs";
import { run } from "../../setup/child.mjs";
import { runSteps } from "../../setup/step.mjs";
import { checkedSum } from "../facts.mjs";
import { baseStep, baseTar } from "./base-tar.mjs";

const UNPACK_DEADLINE_MS = 5 * 60_000;

/**
 * Puts Debian's root file system, owners and all, into `folder`, which is there whole or not at
 * all.
 * @param {string} folder Replaced if it exists.
 */
export async function unpackBase(folder) {
  await runSteps([baseStep]);
  await checkedSum(baseTar());
  const draft = `${folder}.draft`;
  rmSync(draft, { recursive: true, force: true });
  mkdirSync(draft, { recursive: true });
  await run({
    what: "tar",
    command: "tar",
    args: ["--extract", "--zstd", "--numeric-owner", "--xattrs", "--file", baseTar(), "--directory", draft],
    deadlineMs: UNPACK_DEADLINE_MS,
    advice: "unpacking a root file system needs root and 1 GB of disk",
  });
  rmSync(folder, { recursive: true, force: true });
  renameSync(draft, folder);
}
