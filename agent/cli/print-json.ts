import type { Output } from "./output.ts";

/** The version of what `--json` prints. It counts up when a field is taken away or changes its meaning; new fields do not change it. */
const SCHEMA_VERSION = 1;

export function printJson(output: Output, data: Readonly<Record<string, unknown>>): void {
  output.out(`${JSON.stringify({ ...data, schemaVersion: SCHEMA_VERSION }, null, 2)}\n`);
}
