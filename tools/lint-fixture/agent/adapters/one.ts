export { readFile, rename } from "node:fs/promises"; // refused: no-restricted-imports
export { zod } from "zod";
export { command } from "../cli/main.ts"; // refused: no-restricted-imports
export { chapter } from "../control/chapter.ts"; // refused: no-restricted-imports
export { instant } from "../core/instant.ts";
export { replaceFile } from "../files/replaces.ts";
export { session } from "../gateway/session.ts"; // refused: no-restricted-imports
export { Scope } from "../lifecycle/scope.ts";
export type { Clock } from "../ports/clock.ts";
export { plane } from "./grpc/plane.ts"; // refused: no-restricted-imports
export { other } from "./other.ts"; // refused: no-restricted-imports
