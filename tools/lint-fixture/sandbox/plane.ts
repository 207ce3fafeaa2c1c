export { readFile } from "node:fs/promises";
export { z } from "zod";
export { DesiredState } from "../agent/adapters/grpc/gen/builder/agent/v1/desired_state.ts";
export { plane } from "../agent/adapters/grpc/plane.ts"; // refused: no-restricted-imports
export { adapter } from "../agent/adapters/one.ts"; // refused: no-restricted-imports
export { agent } from "../agent/control/agent.ts"; // refused: no-restricted-imports
export { authorise } from "../agent/core/authorise.ts"; // refused: no-restricted-imports
export { serves } from "../agent/gateway/serves.ts"; // refused: no-restricted-imports
export { Scope } from "../agent/lifecycle/scope.ts"; // refused: no-restricted-imports
export type { Clock } from "../agent/ports/clock.ts"; // refused: no-restricted-imports
export { table } from "../bench/table.ts"; // refused: no-restricted-imports
