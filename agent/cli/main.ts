#!/usr/bin/env node
import { endWithin } from "./end-within.ts";
import { terminal } from "./output.ts";
import { stopSignals } from "./stop-signals.ts";

const LINGER_MS = 2_000;

// Before anything large is loaded: a signal that finds no handler ends the process without order.
const signals = stopSignals();
const output = terminal(process.env);
const { runProgram } = await import("./program.ts");
const code = await runProgram(process.argv.slice(2), { output, environment: process.env, ...signals });
endWithin(LINGER_MS, code, output);
