import { goTool } from "../../setup/go-tool.mjs";
import { goTools } from "../../setup/go-tools.mjs";
import { node24 } from "../../setup/node24.mjs";

/**
 * A program that the package brings along, as pinned in this tree.
 * @typedef {object} Program
 * @property {string} name
 * @property {string} source Its path on this machine.
 * @property {string} version
 * @property {string} place Its path in the package.
 */

/** @param {import("./architecture.mjs").Architecture} architecture */
export function programs(architecture) {
  const tools = [goTools.buildkit, goTools.bbolt, goTools.tailscale].map((tool) =>
    goTool({ ...tool, goarch: architecture.debian }),
  );
  const node = node24(architecture.node);
  return {
    steps: [...tools.map(({ step }) => step), node.step],
    /** Once the steps have been carried out. @returns {Promise<readonly Program[]>} */
    async list() {
      const found = await Promise.all(
        tools.map(async ({ version, find }) =>
          Object.entries((await find()) ?? {}).map(([name, source]) => ({
            name,
            source,
            version: version.replace(/^v/, ""),
            place: `usr/lib/builder-agent/bin/${name}`,
          })),
        ),
      );
      const nodeProgram = { name: "node", source: node.find() ?? "", version: node.version };
      return [...found.flat(), { ...nodeProgram, place: "usr/lib/builder-agent/node/bin/node" }];
    },
  };
}
