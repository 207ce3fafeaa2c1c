import { copyFileSync, linkSync, mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { inTree } from "../../setup/tree.mjs";

/**
 * Puts what is kept in the cache where a person looks for it. @param {string} file @param {string}
 * name @returns {string} Its path.
 */
export function deliver(file, name) {
  const target = join(inTree("dist/image"), name);
  mkdirSync(inTree("dist/image"), { recursive: true });
  rmSync(target, { force: true });
  try {
    linkSync(file, target);
  } catch {
    // The cache is on another file system.
    copyFileSync(file, target);
  }
  return target;
}
