import { rootFolder } from "../root-folder.mjs";
import { optionsOf } from "./options.mjs";

/** @param {readonly string[]} args */
export async function root(args) {
  optionsOf(args, {});
  return [await rootFolder()];
}
