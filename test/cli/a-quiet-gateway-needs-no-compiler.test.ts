import { spawnSync } from "node:child_process";
import { expect, it } from "vitest";

const OPTIMISE_LATE = new URL("../../dist/agent/cli/optimise-late.js", import.meta.url).href;
const knowsHow = Number.parseInt(process.versions.v8, 10) >= 13;

/** What V8 says of a function that was called so often, and what else was said. */
function called(times: number, before: string): { readonly toOptimise: boolean; readonly error: string } {
  const script = `
    import { optimiseLate } from ${JSON.stringify(OPTIMISE_LATE)};
    ${before}
    function pieceOfWork(value, at) { return value + at; }
    Array(${times}).fill(1).map(pieceOfWork);`;
  const flags = ["--trace-opt", "--input-type=module", "-e", script];
  const { stdout, stderr } = spawnSync(process.execPath, flags, { encoding: "utf8" });
  return { toOptimise: /\[(?:marking|compiling)[^\n]*pieceOfWork/.test(stdout), error: stderr };
}

it("V8 makes more of a function that was called 1,500 times by itself, and not in a gateway", () => {
  const byItself = called(1_500, "").toOptimise;
  const inGateway = called(1_500, "optimiseLate();").toOptimise;
  expect([byItself, inGateway]).toEqual(knowsHow ? [true, false] : [byItself, byItself]);
});

it("what carries bytes is optimised all the same, and no Node complains", () => {
  expect(called(1_000_000, "optimiseLate();")).toEqual({ toOptimise: true, error: "" });
});
