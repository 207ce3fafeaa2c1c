import { mkdirSync, rmSync } from "node:fs";
import { basename, join } from "node:path";
import { afterAll, afterEach, expect } from "vitest";
import { inTree } from "../../../sandbox/stack/tree.ts";

let guests = 0;
let passed = 0;
let failed = 0;

/** Where the next guest of this file of tests writes what it says on its console. */
export function nextConsoleLog(): string {
  mkdirSync(folder(), { recursive: true });
  guests += 1;
  return join(folder(), `guest-${guests}.log`);
}

/** For each file of tests: keeps what its guests said, and tells where, unless all went well. */
export function keepLogsOfFailures(): void {
  [guests, passed, failed] = [0, 0, 0];
  let dir = "";
  afterEach(({ task }) => {
    dir = folder();
    if (task.result?.state === "pass") passed += 1;
    else failed += 1;
  });
  afterAll(() => {
    if (guests === 0) return;
    if (failed === 0 && passed > 0) rmSync(dir, { recursive: true, force: true });
    else process.stderr.write(`What the guests said on their consoles: ${dir || inTree("dist/test-vm")}\n`);
  });
}

function folder(): string {
  return inTree(`dist/test-vm/${basename(expect.getState().testPath ?? "unknown", ".journey.ts")}`);
}
