export { chapter } from "../../../control/chapter.ts"; // refused: no-restricted-imports
export { instant } from "../../../core/instant.ts";
export { plane } from "../../grpc/plane.ts"; // refused: no-restricted-imports
export { answers } from "../answers.ts";
