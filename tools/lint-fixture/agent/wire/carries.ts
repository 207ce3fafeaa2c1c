export { once } from "node:events";
export { z } from "zod"; // refused: no-restricted-imports
export { adapter } from "../adapters/one.ts"; // refused: no-restricted-imports
export { instant } from "../core/instant.ts";
export { whole } from "../files/replaces.ts"; // refused: no-restricted-imports
export { session } from "../gateway/session.ts"; // refused: no-restricted-imports
export { Scope } from "../lifecycle/scope.ts";
export { line } from "./line.ts";
