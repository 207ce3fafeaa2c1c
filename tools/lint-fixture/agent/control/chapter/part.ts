export { readFile } from "node:fs/promises"; // refused: no-restricted-imports
export { adapter } from "../../adapters/one.ts"; // refused: no-restricted-imports
export { instant } from "../../core/instant.ts";
export { agent } from "../agent.ts"; // refused: no-restricted-imports
export { other } from "../other/part.ts"; // refused: no-restricted-imports
export { sibling } from "./sibling.ts";
