export { readFile } from "node:fs/promises";
export { Command } from "commander";
export { plane } from "../../sandbox/plane.ts"; // refused: no-restricted-imports
export { adapter } from "../adapters/one.ts";
export { agent } from "../control/agent.ts";
