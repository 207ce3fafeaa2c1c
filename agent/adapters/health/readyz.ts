import { type CheckResult, severityOf } from "../../core/health.ts";
import { rfc3339 } from "../../core/moment.ts";
import type { ObservedState } from "../../core/observed-state.ts";
import { type Readiness, readiness } from "../../core/readiness.ts";
import { withTimes } from "../../core/time-words.ts";
import { type Answer, text } from "./answer.ts";

/** How somebody asks. */
export interface Question {
  readonly query: URLSearchParams;
  /** Of the request; "" if there is none. */
  readonly accept: string;
  readonly nowMs: number;
}

/**
 * `/readyz`: "ok", or 503 and why. `?verbose` lists every check, `?exclude=name` (repeatable)
 * leaves one out of the verdict: both as Kubernetes' own servers have them, with `[!]` added for a
 * check that fails without blocking, and `[?]` for one that nobody could look at yet. As JSON where
 * `Accept` or `?format=json` asks for it.
 */
export function readyz(state: ObservedState, question: Question): Answer {
  const { query, nowMs } = question;
  const excluded = new Set(query.getAll("exclude"));
  const verdict = readiness(state.phase, state.checks, excluded);
  const status = verdict.ready ? 200 : 503;
  if (wantsJson(question)) return json(status, readyzReport(state, excluded, verdict));
  const short = ["ok", ...warnings(state.checks, excluded)];
  const lines = verdict.ready && !query.has("verbose") ? short : verboseLines(state.checks, excluded, verdict);
  return { ...text(status, withTimes(lines.join("\n"), nowMs)), headers: VARY };
}

/** `/readyz/<check>`: that one alone. As in `/readyz`, only what blocks is 503. */
export function readyzCheck(state: ObservedState, name: string, question: Question): Answer {
  const tell = wantsJson(question)
    ? (status: Answer["status"], words: string) => json(status, { error: words })
    : (status: Answer["status"], words: string) => ({ ...text(status, words), headers: VARY });
  if (state.checks.length === 0) return tell(503, "starting: nothing has been looked at yet");
  const check = state.checks.find((one) => one.name === name);
  if (check === undefined)
    return tell(404, `There is no check of this name. There are: ${state.checks.map((one) => one.name).join(", ")}`);
  const status = check.state === "ok" || !check.blocking ? 200 : 503;
  if (wantsJson(question)) return json(status, checkReport(check));
  return tell(status, check.state === "ok" ? "ok" : withTimes(line(check, new Set()), question.nowMs));
}

const VARY = { vary: "accept" } as const;

function wantsJson({ query, accept }: Question): boolean {
  const format = query.get("format");
  return format === null ? /\bapplication\/json\b(?!\s*;\s*q=0(?:\.0+)?\s*(?:,|$))/.test(accept) : format === "json";
}

function json(status: Answer["status"], told: unknown): Answer {
  return { status, type: "application/json; charset=utf-8", body: `${JSON.stringify(told)}\n`, headers: VARY };
}

function readyzReport(
  { observedAtMs, phase, checks }: ObservedState,
  excluded: ReadonlySet<string>,
  { ready, reasons }: Readiness,
) {
  return {
    status: ready ? "ready" : "not-ready",
    phase: phase.at,
    reasons,
    observedAtMs,
    observedAt: rfc3339(observedAtMs),
    excluded: checks.map(({ name }) => name).filter((name) => excluded.has(name)),
    warnings: warnings(checks, excluded),
    checks: checks.map(checkReport),
  };
}

function checkReport(check: CheckResult) {
  const { name, state: status, sinceMs, message, remedy, evidence, causedBy } = check;
  const severity = severityOf(check);
  const since = rfc3339(sinceMs);
  return {
    name,
    status,
    severity,
    since,
    sinceMs,
    message,
    remedy,
    evidence,
    ...(causedBy !== undefined && { causedBy }),
  };
}

function verboseLines(
  checks: readonly CheckResult[],
  excluded: ReadonlySet<string>,
  { ready, reasons }: Readiness,
): readonly string[] {
  const beside = reasons.filter((reason) => checks.every((check) => !reason.startsWith(`${check.name}: `)));
  return [
    ...checks.map((check) => line(check, excluded)),
    ...beside.map((reason) => `[-]${reason}`),
    ...warnings(checks, excluded),
    `readyz check ${ready ? "passed" : "failed"}`,
  ];
}

/** Whoever excludes what is not there believes something that is not so. */
function warnings(checks: readonly CheckResult[], excluded: ReadonlySet<string>): readonly string[] {
  const unknown = [...excluded].filter((name) => checks.every((check) => check.name !== name));
  return unknown.length > 0 ? [`warn: some checks cannot be excluded: no matches for ${unknown.join(", ")}`] : [];
}

function line(check: CheckResult, excluded: ReadonlySet<string>): string {
  if (excluded.has(check.name)) return `[+]${check.name} excluded: ok`;
  if (check.state === "ok") return `[+]${check.name} ok`;
  const because = check.causedBy === undefined ? "" : `, because of ${check.causedBy}`;
  const weight = check.blocking ? "" : ", not blocking";
  return `[${mark(check)}]${check.name} ${check.state}${weight}${because}: ${check.message}`;
}

function mark({ state, blocking }: CheckResult): string {
  if (state === "unknown") return "?";
  return blocking ? "-" : "!";
}
