import type { CheckResult } from "../../core/health.ts";
import type { ObservedState } from "../../core/observed-state.ts";
import { type Readiness, readiness } from "../../core/readiness.ts";
import { withTimes } from "../../core/time-words.ts";
import { type Answer, text } from "./answer.ts";

/**
 * `/readyz`: "ok", or 503 and why. `?verbose` lists every check, `?exclude=name` (repeatable)
 * leaves one out of the verdict: both as Kubernetes' own servers have them, with `[!]` added for a
 * check that fails without blocking, and `[?]` for one that nobody could look at yet.
 */
export function readyz(state: ObservedState, query: URLSearchParams, nowMs: number): Answer {
  const excluded = new Set(query.getAll("exclude"));
  const verdict = readiness(state.phase, state.checks, excluded);
  const status = verdict.ready ? 200 : 503;
  if (verdict.ready && !query.has("verbose")) return text(status, "ok");
  return text(status, withTimes(verboseLines(state.checks, excluded, verdict).join("\n"), nowMs));
}

/** `/readyz/<check>`: that one alone, blocking or not. */
export function readyzCheck(state: ObservedState, name: string, nowMs: number): Answer {
  if (state.checks.length === 0) return text(503, "starting: nothing has been looked at yet");
  const check = state.checks.find((one) => one.name === name);
  if (check === undefined) {
    return text(404, `There is no check of this name. There are: ${state.checks.map((one) => one.name).join(", ")}`);
  }
  return check.state === "ok" ? text(200, "ok") : text(503, withTimes(line(check, new Set()), nowMs));
}

function verboseLines(
  checks: readonly CheckResult[],
  excluded: ReadonlySet<string>,
  { ready, reasons }: Readiness,
): readonly string[] {
  const unknown = [...excluded].filter((name) => checks.every((check) => check.name !== name));
  const beside = reasons.filter((reason) => checks.every((check) => !reason.startsWith(`${check.name}: `)));
  return [
    ...checks.map((check) => line(check, excluded)),
    ...beside.map((reason) => `[-]${reason}`),
    ...(unknown.length > 0 ? [`warn: some checks cannot be excluded: no matches for ${unknown.join(", ")}`] : []),
    `readyz check ${ready ? "passed" : "failed"}`,
  ];
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
