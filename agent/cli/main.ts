#!/usr/bin/env node
import { terminal } from "./output.ts";
import { runProgram } from "./program.ts";
import { stopSignals } from "./stop-signals.ts";

process.exitCode = await runProgram(process.argv.slice(2), {
  output: terminal(process.env),
  environment: process.env,
  ...stopSignals(),
});
