import { pathToFileURL } from "node:url";
import { inTree } from "../setup/tree.mjs";

const NAMES =
  "A key of the file such as `gateway.maxConnections` is also the flag `--gateway-max-connections` and the environment variable\n" +
  "`BUILDER_AGENT_GATEWAY_MAX_CONNECTIONS`. A flag wins over the environment, and that over the file (`--config FILE`, else\n" +
  "`BUILDER_AGENT_CONFIG`, else `/etc/builder-agent/config.toml` if it exists). `builder-agent config show` tells where each value came from.\n";

/** Every key of the configuration as a table in Markdown. @returns {Promise<string>} */
export async function configurationTable() {
  const { KEYS } = /** @type {typeof import("../../agent/cli/config/keys.ts")} */ (
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- it is compiled from the very file that the type names
    await import(pathToFileURL(inTree("dist/agent/cli/config/keys.js")).href)
  );
  const rows = KEYS.map(({ path, defaultText, description }) => [
    `\`${path}\``,
    defaultText === undefined ? "required" : `\`${defaultText}\``,
    description,
  ]);
  const head = ["Key", "Default", "What it is"];
  const table = [head, head.map(() => "---"), ...rows].map((cells) => `| ${cells.join(" | ")} |\n`).join("");
  return `${NAMES}\n${table}`;
}
