export { readFile } from "node:fs/promises"; // refused: no-restricted-imports
export { z } from "zod"; // refused: no-restricted-imports
export type { Plane } from "../../sandbox/main.ts"; // refused: no-restricted-imports
export type { Adapter } from "../adapters/one.ts"; // refused: no-restricted-imports
export type { Command } from "../cli/main.ts"; // refused: no-restricted-imports
export type { Chapter } from "../control/chapter.ts"; // refused: no-restricted-imports
export type { Whole } from "../files/replaces.ts"; // refused: no-restricted-imports
export type { Session } from "../gateway/session.ts"; // refused: no-restricted-imports
export type { Scope } from "../lifecycle/scope.ts"; // refused: no-restricted-imports
export type { Clock } from "../ports/clock.ts"; // refused: no-restricted-imports
export type { Wire } from "../wire/carries.ts"; // refused: no-restricted-imports
export type { Sibling } from "./sibling.ts";

export const later = import("../adapters/one.ts"); // refused: no-restricted-imports
export const now = Date.now(); // refused: no-restricted-properties
export const chance = Math.random(); // refused: no-restricted-properties
export const timer = setTimeout(() => {}, 1); // refused: no-restricted-globals
export const pid = process.pid; // refused: no-restricted-globals
