#!/usr/bin/env node
import * as nodeModule from "node:module";
import { terminal } from "./output.ts";
import { stopSignals } from "./stop-signals.ts";

// Node 22.8 and later keep compiled code on disk; 20 cannot.
if ("enableCompileCache" in nodeModule && typeof nodeModule.enableCompileCache === "function")
  Reflect.apply(nodeModule.enableCompileCache, nodeModule, []);

const { runProgram } = await import("./program.ts");
const { stop, hurry } = stopSignals();
process.exitCode = await runProgram(process.argv.slice(2), {
  output: terminal(process.env),
  environment: process.env,
  stop,
  hurry,
});
