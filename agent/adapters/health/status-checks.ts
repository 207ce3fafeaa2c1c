import { type CheckResult, worstFirst } from "../../core/health.ts";
import type { ObservedState } from "../../core/observed-state.ts";
import { troubleInWords } from "../../core/trouble-words.ts";
import { type Html, html, NOTHING } from "./html.ts";
import { elapsed, message, relative } from "./moments.ts";

/** What is wrong first; a list, so that it stacks on a narrow screen and stays a list. */
export function statusChecks({ checks: found }: ObservedState, nowMs: number): Html {
  if (found.length === 0) return NOTHING;
  const rows = worstFirst(found).map((check) => checkRow(check, nowMs));
  return html`<section><h2>Checks</h2><ul class="checks" role="list">${rows}</ul></section>`;
}

function checkRow(check: CheckResult, nowMs: number): Html {
  const { tone, mark } = verdict(check);
  const remedy = check.remedy === "" ? NOTHING : html`<p class="muted">${message(check.remedy, nowMs)}</p>`;
  const looked =
    check.state === "ok" ? NOTHING : html`<p class="muted">${message(check.evidence.join("; "), nowMs)}</p>`;
  const cause =
    check.causedBy === undefined ? NOTHING : html` <span class="muted">(because of ${check.causedBy})</span>`;
  return html`<li><span class="mark ${tone}">${mark}</span><strong class="name">${check.name}</strong>
<div class="what">${message(check.message, nowMs)}${cause}${looked}${remedy}</div>
<span class="since muted">for ${elapsed(check.sinceMs, nowMs)}</span></li>`;
}

function verdict({ state, blocking }: CheckResult): { readonly tone: string; readonly mark: string } {
  if (state === "ok") return { tone: "ok", mark: "ok" };
  if (state === "unknown") return { tone: "warn", mark: "unknown" };
  return blocking ? { tone: "bad", mark: "failed" } : { tone: "warn", mark: "warning" };
}

/** What is over as well: the newest first. */
export function recentTrouble({ troubles }: ObservedState, nowMs: number): Html {
  if (troubles.length === 0) return NOTHING;
  const shown = troubles.toReversed().map((one) => {
    const words = message(troubleInWords(one, nowMs), nowMs);
    return html`<li><span class="when muted">${relative(one.sinceMs, nowMs)}</span><div class="what">${words}</div></li>`;
  });
  return html`<section><h2>Recent trouble</h2><ul class="troubles" role="list">${shown}</ul></section>`;
}
