import { say } from "../setup/progress.mjs";
import { TooLate } from "./session-client.mjs";

/** @typedef {import("./session-client.mjs").Session} Session */
/** @typedef {import("./instrument.mjs").Mutant} Mutant */
/** @typedef {import("./report.mjs").Judged} Judged */
/**
 * @typedef {{ test: string, tookMs: number }} Seer A test file that runs a mutant, and how long it
 * takes when all is well.
 */

/** @type {(json: string) => import("./session.mjs").Listed} */
const parseListed = JSON.parse;
/** @type {(json: string) => import("./session.mjs").Hit} */
const parseHit = JSON.parse;
/** @type {(json: string) => import("./session.mjs").Ran} */
const parseRan = JSON.parse;

const LIST_DEADLINE_MS = 300_000;
const WELL_DEADLINE_MS = 600_000;
/**
 * A mutant may make its tests as many times slower, and this much more, before it counts as hung.
 */
const PATIENCE = 4;
const PATIENCE_MS = 20_000;
const TIMED_OUT = /timed out|timeout|took longer|no answer within/i;

/**
 * Runs each test once without a mutant. @returns {Promise<ReadonlyMap<number, readonly Seer[]>>} By
 * mutant, the quickest first.
 * @param {Session} session @param {readonly Mutant[]} mutants
 */
export async function seenBy(session, mutants) {
  const { tests } = parseListed(await session.ask({ is: "list" }, LIST_DEADLINE_MS));
  say(`${tests.length} test files can see them: each is run once as it is`);
  /** @type {Map<number, Seer[]>} */
  const seen = new Map(mutants.map(({ id }) => [id, []]));
  for (const [at, test] of tests.entries()) {
    process.stderr.write(`${at + 1}/${tests.length} ${test}\n`);
    try {
      const { hits, ok, why, tookMs } = parseHit(await session.ask({ is: "hits", test }, WELL_DEADLINE_MS));
      if (ok) for (const id of hits) seen.get(id)?.push({ test, tookMs });
      else say(`left out, as it fails without any mutant: ${test} (${why})`);
    } catch (cause) {
      if (!(cause instanceof TooLate)) throw cause;
      say(`left out, as it does not end: ${test}`);
    }
  }
  for (const seers of seen.values()) seers.sort((a, b) => a.tookMs - b.tookMs);
  return seen;
}

/**
 * @param {Session} session
 * @param {{ order: readonly Mutant[], seen: ReadonlyMap<number, readonly Seer[]>, budgetMs: number
 *   }} plan
 * @returns {Promise<readonly Judged[]>}
 */
export async function judgeAll(session, { order, seen, budgetMs }) {
  /** @type {Judged[]} */
  const judged = [];
  const untilMs = performance.now() + budgetMs;
  for (const mutant of order) {
    if (performance.now() >= untilMs) break;
    const found = await judge(session, mutant, seen.get(mutant.id) ?? []);
    judged.push(found);
    const { file, line, what, fate } = found;
    process.stderr.write(`${judged.length}/${order.length} ${fate.padEnd(9)} ${file}:${line} ${what}\n`);
  }
  return judged;
}

/**
 * @param {Session} session @param {Mutant} mutant @param {readonly Seer[]} seers @returns
 *   {Promise<Judged>}
 */
async function judge(session, mutant, seers) {
  if (seers.length === 0) return { ...mutant, fate: "unseen", by: "" };
  for (const { test, tookMs } of seers) {
    const order = /** @type {const} */ ({ is: "run", test, mutant: mutant.id });
    const { ok, why } = await askTwice(session, order, PATIENCE * tookMs + PATIENCE_MS);
    if (!ok) return { ...mutant, fate: TIMED_OUT.test(why) ? "timed-out" : "killed", by: `${test} > ${why}` };
  }
  return { ...mutant, fate: "survived", by: "" };
}

/**
 * No answer may have another reason than the mutant: only a fresh session that gives none either
 * says that it hangs.
 * @param {Session} session @param {import("./session.mjs").Order} order @param {number} deadlineMs
 *   @returns {Promise<{ ok: boolean, why: string }>}
 */
async function askTwice(session, order, deadlineMs) {
  let why = "";
  for (let attempt = 1; attempt <= 2; attempt += 1) {
    try {
      return parseRan(await session.ask(order, deadlineMs));
    } catch (cause) {
      if (!(cause instanceof TooLate)) throw cause;
      why = cause.message;
    }
  }
  return { ok: false, why };
}
