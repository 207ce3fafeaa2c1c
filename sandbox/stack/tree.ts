import { fileURLToPath } from "node:url";

/** Compiled, this file lies one folder deeper: dist/sandbox/stack instead of sandbox/stack. */
const root = new URL(import.meta.url.endsWith(".ts") ? "../../" : "../../../", import.meta.url);

/** An absolute path in the source tree. */
export function inTree(path: string): string {
  return fileURLToPath(new URL(path, root));
}
