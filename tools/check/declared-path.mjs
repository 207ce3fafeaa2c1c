import { profiles } from "../setup/profiles.mjs";
import { programFolder } from "../setup/program-folder.mjs";

/**
 * The PATH of tests and of the programs under test: it holds what these profiles declare, and
 * nothing else of the machine.
 * @param {readonly string[]} names Of profiles that are set up.
 * @param {string} node The Node that runs the tests.
 */
export const declaredPath = (names, node) =>
  programFolder(
    names.flatMap((name) => profiles[name] ?? []),
    node,
  );
