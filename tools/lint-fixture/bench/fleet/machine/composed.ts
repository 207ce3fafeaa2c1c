export { config } from "../../../agent/cli/config.ts"; // refused: no-restricted-imports
export { runAgent } from "../../../agent/control/agent.ts";
export { scenario } from "../../../test/scenario.ts"; // refused: no-restricted-imports
