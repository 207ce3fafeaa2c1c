export { readFile } from "node:fs/promises"; // refused: no-restricted-imports
export { adapter } from "../adapters/one.ts"; // refused: no-restricted-imports
export { instant } from "../core/instant.ts";
export { whole } from "../files/replaces.ts"; // refused: no-restricted-imports
export type { Clock } from "../ports/clock.ts";
export { line } from "../wire/line.ts"; // refused: no-restricted-imports
export { agent } from "./agent.ts"; // refused: no-restricted-imports
export { part } from "./chapter/part.ts"; // refused: no-restricted-imports
export { other } from "./other-chapter.ts"; // refused: no-restricted-imports
