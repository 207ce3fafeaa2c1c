import { parseArgs } from "node:util";
import { chaos } from "./check/chaos.mjs";
import { exports } from "./check/exports.mjs";
import { format } from "./check/format.mjs";
import { generated } from "./check/generated.mjs";
import { heedSignals, interrupted } from "./check/interruption.mjs";
import { lint } from "./check/lint.mjs";
import { lintRules } from "./check/lint-rules.mjs";
import { setUp } from "./check/set-up.mjs";
import { simulate } from "./check/simulate.mjs";
import { failed, summarise } from "./check/summary.mjs";
import {
  calls,
  certificates,
  cuts,
  endings,
  evidence,
  floor,
  frames,
  hostile,
  notices,
  nspawn,
  page,
  parsers,
  recovery,
  replacements,
  tailnet,
  terminals,
  vitest,
  vm,
  vmFirst,
} from "./check/tiers.mjs";
import { types } from "./check/types.mjs";

const EX_USAGE = 64;

/** @typedef {Readonly<Record<string, import("./check/tiers.mjs").Tier>>} Checks */

/** @type {Checks} */
const everyday = { generated, format, lint, "lint-rules": lintRules, types, exports, vitest, floor };
/** What takes longer; only by name, or all of it with --slow. @type {Checks} */
const slow = {
  certificates,
  frames,
  calls,
  evidence,
  terminals,
  page,
  simulate,
  chaos,
  nspawn,
  "vm-first": vmFirst,
};
/** @type {Checks} */
const known = { ...everyday, ...slow, parsers, hostile, endings, notices, replacements, tailnet, recovery, cuts, vm };

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

heedSignals();
/** @type {import("./check/summary.mjs").Outcome[]} */
const outcomes = [await setUp("checks")];
for (const name of outcomes.some(failed) ? [] : chosen) {
  const check = interrupted.aborted ? undefined : known[name];
  outcomes.push(check ? await check(positionals) : notRun(name));
}
process.exitCode = summarise(outcomes);

/** @param {string} name @returns {import("./check/summary.mjs").Outcome} */
function notRun(name) {
  const failures = [{ name, reason: `not run: ended by ${String(interrupted.reason)}` }];
  return { name, passed: 0, failed: 1, failures, skipped: [], tookMs: 0 };
}
