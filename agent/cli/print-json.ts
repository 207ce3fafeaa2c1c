import type { Output } from "./output.ts";

/**
 * The version of what `--json` prints. It counts up when a field is taken away or changes its meaning; new fields do not change it. Data
 * that has a version of its own keeps that. */
const SCHEMA_VERSION = 1;

export function printJson(output: Output, data: Readonly<Record<string, unknown>>): void {
  output.out(`${JSON.stringify({ schemaVersion: SCHEMA_VERSION, ...data }, null, 2)}\n`);
}
