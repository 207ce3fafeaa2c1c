export { DesiredState } from "../agent/adapters/grpc/gen/builder/agent/v1/desired_state.ts";
export { serves } from "../agent/gateway/serves.ts"; // refused: no-restricted-imports
export { plane } from "../sandbox/plane.ts";
export { scenario } from "../test/scenario.ts"; // refused: no-restricted-imports
