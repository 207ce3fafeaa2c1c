import type { Output } from "./output.ts";

/**
 * Lets the process end by itself with `code`; if something still holds it after `ms`, says what
 * that is and ends it all the same: whoever waits for this process has been promised an end.
 */
export function endWithin(ms: number, code: number, output: Output): void {
  process.exitCode = code;
  const end = (): void => {
    output.err(`builder-agent: ended while it was still held by: ${process.getActiveResourcesInfo().join(", ")}\n`);
    process.exit(code);
  };
  setTimeout(end, ms).unref();
}
