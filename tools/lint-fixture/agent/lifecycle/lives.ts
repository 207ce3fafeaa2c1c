export { once } from "node:events"; // refused: no-restricted-imports
export { retry } from "cockatiel"; // refused: no-restricted-imports
export { adapter } from "../adapters/one.ts"; // refused: no-restricted-imports
export { chapter } from "../control/chapter.ts"; // refused: no-restricted-imports
export { instant } from "../core/instant.ts";
export { whole } from "../files/replaces.ts"; // refused: no-restricted-imports
export { session } from "../gateway/session.ts"; // refused: no-restricted-imports
export type { Clock } from "../ports/clock.ts";
export { line } from "../wire/line.ts"; // refused: no-restricted-imports
export { Scope } from "./scope.ts";

export const limit = (signal: AbortSignal): AbortSignal => AbortSignal.any([signal, AbortSignal.timeout(1_000)]); // refused: no-restricted-properties
