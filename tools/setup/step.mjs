import { withLock } from "./lock.mjs";
import { inTree } from "./tree.mjs";

/**
 * @typedef {Readonly<Record<string, string>>} Programs Where each is, by the name that finds it on
 * PATH.
 */

/**
 * @typedef {object} Step
 * @property {() => Promise<boolean> | boolean} isDone Says it in milliseconds: it is asked each
 * time.
 * @property {() => Promise<void>} carryOut
 * @property {() => Programs | Promise<Programs>} [programs] What it brings, once it is done.
 * @property {string} [lockFile] Where what the step makes is shared by more than this work tree.
 */

/** Carries out, in order, the steps that are not done yet. @param {readonly Step[]} steps */
export async function runSteps(steps) {
  for (const { isDone, carryOut, lockFile = inTree("dist/.setup.lock") } of steps) {
    if (await isDone()) continue;
    await withLock(lockFile, async () => {
      if (!(await isDone())) await carryOut();
    });
  }
}
