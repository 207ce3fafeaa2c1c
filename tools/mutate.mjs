import { randomInt } from "node:crypto";
import { readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { instrument } from "./mutate/instrument.mjs";
import { judgeAll, seenBy } from "./mutate/judge.mjs";
import { shuffled } from "./mutate/order.mjs";
import { reportOf } from "./mutate/report.mjs";
import { copyOfTree } from "./mutate/scratch.mjs";
import { Session } from "./mutate/session-client.mjs";
import { say, speakAs } from "./setup/progress.mjs";

const ROOMS = ["agent/core", "agent/control", "agent/gateway", "verifier/src"];
/**
 * Tests that meet the agent only as a compiled program, which has no mutants, and those of the
 * tools.
 */
const BLIND = /^test\/(bench|check|journeys|network|nspawn|packer|sandbox|systemd|vm|gateway\/of-thousands)/;

const { values } = parseArgs({
  options: {
    only: { type: "string", default: "" },
    tests: { type: "string", default: "" },
    budget: { type: "string" },
    seed: { type: "string" },
    json: { type: "string" },
  },
});

speakAs("mutate");
const scratch = copyOfTree();
process.once("exit", () => rmSync(scratch, { recursive: true, force: true }));
for (const name of /** @type {const} */ (["SIGINT", "SIGTERM"])) process.once(name, () => process.exit(1));

const wanted = new RegExp(values.only);
/** @type {import("./mutate/instrument.mjs").Mutant[]} */
const mutants = [];
/** @type {[string, number][]} */
const firstIds = [];
let firstId = 1;
for (const file of ROOMS.flatMap((room) => filesUnder(room, ".ts"))) {
  const all = instrument(file, readFileSync(join(scratch, file), "utf8"), firstId).mutants;
  const chosen = all.filter(({ line, what }) => wanted.test(`${file}:${line} ${what}`));
  if (chosen.length > 0) firstIds.push([file, firstId]);
  mutants.push(...chosen);
  firstId += all.length;
}
if (mutants.length === 0) {
  say(`no mutant of ${ROOMS.join(", ")} matches ${values.only}`);
  process.exit(64);
}
const candidates = filesUnder("test", ".test.ts").filter((file) => !BLIND.test(file) && file.includes(values.tests));

const seed = values.seed === undefined ? randomInt(2 ** 31) : Number(values.seed);
const order = values.budget === undefined && values.seed === undefined ? mutants : shuffled(mutants, seed);
const budgetMs = values.budget === undefined ? Number.POSITIVE_INFINITY : Number(values.budget) * 60_000;
const setupFile = join(scratch, "tools/mutate/switch.mjs");
const session = new Session({ root: scratch, setupFile, firstIds, candidates });
try {
  say(`${mutants.length} mutants in ${firstIds.length} files`);
  const seen = await seenBy(session, mutants);
  const judged = await judgeAll(session, { order, seen, budgetMs });
  process.stdout.write(`${reportOf(judged, mutants.length, seed).join("\n")}\n`);
  if (values.json) writeFileSync(values.json, `${JSON.stringify({ seed, of: mutants.length, judged }, null, 1)}\n`);
} finally {
  await session[Symbol.asyncDispose]();
}

/** @param {string} folder @param {string} suffix */
function filesUnder(folder, suffix) {
  return readdirSync(join(scratch, folder), { recursive: true, encoding: "utf8" })
    .filter((file) => file.endsWith(suffix))
    .map((file) => `${folder}/${file}`)
    .toSorted();
}
