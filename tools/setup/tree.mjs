import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));

/** @param {...string} path Relative to the work tree. */
export const inTree = (...path) => join(root, ...path);

/** @param {string} file @returns {string} Empty where the file is missing. */
export function readIfThere(file) {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return "";
  }
}
