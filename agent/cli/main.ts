#!/usr/bin/env node
import { startFromCompiled } from "./compiled.ts";
import { ownSignals } from "./own-signals.ts";

const LINGER_MS = 2_000;

// Before anything else is loaded: a signal that finds no handler ends the process without order, or
// opens a debugger.
const signals = ownSignals();
startFromCompiled();
void main();

async function main(): Promise<void> {
  const { terminal } = await import("./output.ts");
  const output = terminal(process.env);
  const { runProgram } = await import("./program.ts");
  const code = await runProgram(process.argv.slice(2), { output, environment: process.env, ...signals });
  const { endWithin } = await import("./end-within.ts");
  endWithin(LINGER_MS, code, output);
}
