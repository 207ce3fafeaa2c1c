export { readFile } from "node:fs/promises"; // refused: no-restricted-imports
export { connect } from "node:http2"; // refused: no-restricted-imports
export { connect as dial } from "node:net";
export { createServer } from "node:tls";
export { X509Certificate } from "@peculiar/x509"; // refused: no-restricted-imports
export { isIP } from "net"; // refused: no-restricted-imports
export { zod } from "zod"; // refused: no-restricted-imports
export { adapter } from "../adapters/one.ts"; // refused: no-restricted-imports
export { command } from "../cli/main.ts"; // refused: no-restricted-imports
export { chapter } from "../control/chapter.ts"; // refused: no-restricted-imports
export { instant } from "../core/instant.ts";
export { whole } from "../files/replaces.ts"; // refused: no-restricted-imports
export { Scope } from "../lifecycle/scope.ts";
export type { Clock } from "../ports/clock.ts";
export { line } from "../wire/line.ts"; // refused: no-restricted-imports
export { splice } from "./splice.ts";
