export { rename } from "node:fs/promises"; // refused: no-restricted-imports
export { chapter } from "../../control/chapter.ts"; // refused: no-restricted-imports
export { instant } from "../../core/instant.ts";
export { replaceFile } from "../../files/replaces.ts";
export { session } from "../../gateway/session.ts"; // refused: no-restricted-imports
export { line } from "../../wire/line.ts";
export { plane } from "../grpc/plane.ts"; // refused: no-restricted-imports
export { other } from "../other.ts"; // refused: no-restricted-imports
export { part } from "./part/part.ts";
export { sibling } from "./sibling.ts";
