export { readFile } from "node:fs/promises"; // refused: no-restricted-imports
export { zod } from "zod"; // refused: no-restricted-imports
export { DesiredState } from "../adapters/grpc/gen/builder/agent/v1/desired_state.ts"; // refused: no-restricted-imports
export { adapter } from "../adapters/one.ts"; // refused: no-restricted-imports
export { command } from "../cli/main.ts"; // refused: no-restricted-imports
export { instant } from "../core/instant.ts";
export { session } from "../gateway/session.ts"; // refused: no-restricted-imports
export { Scope } from "../lifecycle/scope.ts";
export { part } from "./chapter/part.ts";
export { chapter } from "./chapter.ts";
