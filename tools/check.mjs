import { parseArgs } from "node:util";
import { exports } from "./check/exports.mjs";
import { format } from "./check/format.mjs";
import { generated } from "./check/generated.mjs";
import { lint } from "./check/lint.mjs";
import { lintRules } from "./check/lint-rules.mjs";
import { setUp } from "./check/set-up.mjs";
import { failed, summarise } from "./check/summary.mjs";
import { types } from "./check/types.mjs";
import { vitest } from "./check/vitest.mjs";

const EX_USAGE = 64;

/** @type {Readonly<Record<string, (filters: readonly string[]) => Promise<import("./check/summary.mjs").Outcome>>>} */
const checks = { generated, format, lint, "lint-rules": lintRules, types, exports, vitest };

const { values, positionals } = parseArgs({ options: { only: { type: "string" } }, allowPositionals: true });
const chosen = values.only?.split(",") ?? Object.keys(checks);
const unknown = chosen.filter((name) => !(name in checks));
if (unknown.length > 0) {
  process.stderr.write(`no such check: ${unknown.join(", ")}; there are ${Object.keys(checks).join(", ")}\n`);
  process.exit(EX_USAGE);
}

/** @type {import("./check/summary.mjs").Outcome[]} */
const outcomes = [await setUp("checks")];
if (!outcomes.some(failed)) {
  for (const name of chosen) {
    const check = checks[name];
    if (check) outcomes.push(await check(positionals));
  }
}
process.exitCode = summarise(outcomes);
