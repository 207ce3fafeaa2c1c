export type { Socket } from "node:net"; // refused: no-restricted-imports
export { z } from "zod"; // refused: no-restricted-imports
export type { Adapter } from "../adapters/one.ts"; // refused: no-restricted-imports
export type { Instant } from "../core/instant.ts";
export { instant } from "../core/instant.ts"; // refused: no-restricted-imports
export type { Whole } from "../files/replaces.ts"; // refused: no-restricted-imports
export type { Scope } from "../lifecycle/scope.ts"; // refused: no-restricted-imports
export type { Line } from "../wire/line.ts"; // refused: no-restricted-imports
export type { Clock } from "./clock.ts";
export { clock } from "./clock.ts"; // refused: no-restricted-imports
