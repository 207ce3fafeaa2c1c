export { rename } from "node:fs/promises"; // refused: no-restricted-imports
export { chapter } from "../../../control/chapter.ts"; // refused: no-restricted-imports
export { instant } from "../../../core/instant.ts";
export { replaceFile } from "../../../files/replaces.ts";
export { plane } from "../../grpc/plane.ts"; // refused: no-restricted-imports
export { answers } from "../answers.ts";
