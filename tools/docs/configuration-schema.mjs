import { spawn } from "node:child_process";
import { text } from "node:stream/consumers";
import { pathToFileURL } from "node:url";
import { inTree } from "../setup/tree.mjs";

/**
 * The JSON Schema of the configuration file, as the formatter wants it. @returns {Promise<string>}
 */
export async function configurationSchema() {
  const { configJsonSchema } = /** @type {typeof import("../../agent/cli/config/json-schema.ts")} */ (
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- it is compiled from the very file that the type names
    await import(pathToFileURL(inTree("dist/agent/cli/config/json-schema.js")).href)
  );
  const args = [inTree("node_modules/@biomejs/biome/bin/biome"), "format", "--stdin-file-path=docs/config.schema.json"];
  const formatter = spawn(process.execPath, args, {
    cwd: inTree(),
    stdio: ["pipe", "pipe", "inherit"],
    timeout: 60_000,
  });
  formatter.stdin.end(JSON.stringify(configJsonSchema()));
  return text(formatter.stdout);
}
