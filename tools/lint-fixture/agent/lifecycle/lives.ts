export { once } from "node:events"; // refused: no-restricted-imports
export { retry } from "cockatiel"; // refused: no-restricted-imports
export { adapter } from "../adapters/one.ts"; // refused: no-restricted-imports
export { chapter } from "../control/chapter.ts"; // refused: no-restricted-imports
export { instant } from "../core/instant.ts";
export { session } from "../gateway/session.ts"; // refused: no-restricted-imports
export type { Clock } from "../ports/clock.ts";
export { Scope } from "./scope.ts";
