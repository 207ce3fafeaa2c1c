export { join } from "node:path";
export { DesiredState } from "../agent/adapters/grpc/gen/builder/agent/v1/desired_state.ts"; // refused: no-restricted-imports
export { plane } from "../sandbox/plane.ts"; // refused: no-restricted-imports
