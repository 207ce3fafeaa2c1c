export { rename } from "node:fs/promises";
export { z } from "zod"; // refused: no-restricted-imports
export { adapter } from "../adapters/one.ts"; // refused: no-restricted-imports
export { instant } from "../core/instant.ts"; // refused: no-restricted-imports
export { sibling } from "./sibling.ts";
