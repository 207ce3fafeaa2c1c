import { rmSync } from "node:fs";
import { join } from "node:path";
import { cacheFolder } from "../../setup/cache-folder.mjs";
import { say } from "../../setup/progress.mjs";
import { inTree } from "../../setup/tree.mjs";
import { optionsOf } from "./options.mjs";

/** @param {readonly string[]} args */
export async function clean(args) {
  optionsOf(args, {});
  for (const folder of [inTree("dist/image"), join(cacheFolder(), "image")]) {
    rmSync(folder, { recursive: true, force: true });
    say(`removed ${folder}`);
  }
  return [];
}
