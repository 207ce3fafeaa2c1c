import { parseArgs } from "node:util";
import { exports } from "./check/exports.mjs";
import { format } from "./check/format.mjs";
import { generated } from "./check/generated.mjs";
import { lint } from "./check/lint.mjs";
import { lintRules } from "./check/lint-rules.mjs";
import { setUp } from "./check/set-up.mjs";
import { failed, summarise } from "./check/summary.mjs";
import { node24, nspawn, tailnet, vitest, vm, vmFirst } from "./check/tiers.mjs";
import { types } from "./check/types.mjs";

const EX_USAGE = 64;

/** @typedef {Readonly<Record<string, import("./check/tiers.mjs").Tier>>} Checks */

/** @type {Checks} */
const everyday = { generated, format, lint, "lint-rules": lintRules, types, exports, vitest };
/** What takes longer; only by name, or all of it with --slow. @type {Checks} */
const slow = { node24, nspawn, "vm-first": vmFirst };
/** @type {Checks} */
const known = { ...everyday, ...slow, tailnet, vm };

const { values, positionals } = parseArgs({
  options: { only: { type: "string" }, slow: { type: "boolean", default: false } },
  allowPositionals: true,
});
const chosen = values.only?.split(",") ?? Object.keys(values.slow ? { ...everyday, ...slow } : everyday);
const unknown = chosen.filter((name) => !(name in known));
if (unknown.length > 0) {
  process.stderr.write(`no such check: ${unknown.join(", ")}; there are ${Object.keys(known).join(", ")}\n`);
  process.exit(EX_USAGE);
}

/** @type {import("./check/summary.mjs").Outcome[]} */
const outcomes = [await setUp("checks")];
if (!outcomes.some(failed)) {
  for (const name of chosen) {
    const check = known[name];
    if (check) outcomes.push(await check(positionals));
  }
}
process.exitCode = summarise(outcomes);
