import { execFile } from "node:child_process";
import { inTree } from "../setup/tree.mjs";

const DEADLINE_MS = 5 * 60_000;
const OUTPUT_MAX_BYTES = 64 * 1024 * 1024;

/**
 * Runs one check, which counts as one test, and prints what it found only if that is bad.
 * @param {string} name
 * @param {() => Promise<string>} findings Empty when all is well.
 * @returns {Promise<import("./summary.mjs").Outcome>}
 */
export async function step(name, findings) {
  const startedMs = performance.now();
  const found = await findings().catch((/** @type {unknown} */ cause) => `the check itself failed: ${String(cause)}`);
  const tookMs = performance.now() - startedMs;
  if (found) process.stdout.write(`\n--- ${name}\n${found.trimEnd()}\n`);
  return { name, passed: found ? 0 : 1, failed: found ? 1 : 0, skipped: [], tookMs };
}

/**
 * Runs a program of node_modules. @returns {Promise<{ ok: boolean, output: string }>}
 * @param {string} script Its JavaScript, under node_modules.
 * @param {readonly string[]} args
 */
export function runTool(script, args) {
  return new Promise((resolve) => {
    const options = { cwd: inTree(), timeout: DEADLINE_MS, maxBuffer: OUTPUT_MAX_BYTES };
    execFile(process.execPath, [inTree("node_modules", script), ...args], options, (failure, stdout, stderr) => {
      resolve({ ok: !failure, output: stdout + stderr || (failure?.message ?? "") });
    });
  });
}

/** Its output if it fails. @param {string} script @param {readonly string[]} args */
export async function complaints(script, args) {
  const { ok, output } = await runTool(script, args);
  return ok ? "" : output || `${script} failed and said nothing`;
}
