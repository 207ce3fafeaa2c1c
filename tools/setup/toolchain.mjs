import { debianTable, findTool } from "./debian-table.mjs";
import { isStamped, writeWhole } from "./stamp.mjs";
import { inTree } from "./tree.mjs";

const file = inTree("dist/toolchain.json");

/**
 * Tells the compiled programs and the tests where the tools are: dist/toolchain.json.
 * @typedef {{ find: () => Promise<Readonly<Record<string, string | undefined>> | undefined> }}
 *   Finder
 * @param {readonly Finder[]} goTools
 * @returns {import("./step.mjs").Step}
 */
export function toolchain(goTools) {
  async function content() {
    const fromDebian = Object.values(debianTable).map((row) => ({ [row.tool]: findTool(row) }));
    const fromGo = await Promise.all(goTools.map(({ find }) => find()));
    return `${JSON.stringify(Object.assign({}, ...fromGo, ...fromDebian), null, 2)}\n`;
  }
  return {
    isDone: async () => isStamped(file, await content()),
    carryOut: async () => writeWhole(file, await content()),
  };
}
