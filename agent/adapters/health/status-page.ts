import type { ObservedState } from "../../core/observed-state.ts";
import type { Phase } from "../../core/phase.ts";
import { readiness } from "../../core/readiness.ts";
import { sizeInWords } from "../../core/size-words.ts";
import type { Answer } from "./answer.ts";
import { Html, html, NOTHING } from "./html.ts";
import { message, relative } from "./moments.ts";
import { PAGE_POLICY, PAGE_STYLE } from "./page-style.ts";
import { recentTrouble, statusChecks } from "./status-checks.ts";
import { statusHead } from "./status-head.ts";

const REFRESH_SECONDS = 5;
/** A page, not a list of everything: `/status` has them all. */
const MAX_BUILDS = 50;

/** `/`: how it is, for a person. It asks nothing from anywhere and comes anew by itself. */
export function statusPage(state: ObservedState, nowMs: number): Answer {
  return {
    status: 200,
    type: "text/html; charset=utf-8",
    headers: {
      "content-security-policy": PAGE_POLICY,
      "referrer-policy": "no-referrer",
      refresh: `${REFRESH_SECONDS}`,
    },
    body: `<!doctype html>\n${page(state, nowMs).toString()}\n`,
  };
}

function page(state: ObservedState, nowMs: number): Html {
  return html`<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>${titleOf(state)}</title><style>${new Html(PAGE_STYLE)}</style></head>
<body><main>
${whole(state, nowMs)}
<footer class="muted">Comes anew every ${REFRESH_SECONDS} s · <a href="/status">status</a> · <a href="/readyz?verbose">readyz</a> · <a href="/metrics">metrics</a></footer>
</main></body></html>`;
}

/** The machine's name first: a person has many of these open. */
function titleOf({ head: { machineId }, phase }: ObservedState): string {
  return [machineId, phase.at, "builder-agent"].filter((part) => part !== undefined).join(" · ");
}

function whole(state: ObservedState, nowMs: number): Html {
  return html`${header(state, nowMs)}${notice(state, nowMs)}
${statusChecks(state, nowMs)}${recentTrouble(state, nowMs)}${statusHead(state, nowMs)}
<div class="grid">${builds(state)}${cache(state)}${resources(state)}${buildkit(state)}${tailnet(state)}${certificates(state, nowMs)}${orders(state)}${counters(state)}${start(state)}</div>`;
}

function header({ phase, observedAtMs, head }: ObservedState, nowMs: number): Html {
  return html`<header><h1>${head.machineId ?? "builder-agent"}</h1><span class="badge ${TONES[phase.at]}">${phase.at}</span>
<span class="muted right">${observedAtMs === 0 ? NOTHING : html`as of ${relative(observedAtMs, nowMs)}`}</span></header>`;
}

const TONES: Readonly<Record<Phase["at"], "ok" | "warn" | "bad">> = {
  starting: "warn",
  ready: "ok",
  degraded: "bad",
  draining: "warn",
  stopping: "warn",
};

function notice({ phase, checks }: ObservedState, nowMs: number): Html {
  const { ready, reasons } = readiness(phase, checks, new Set());
  if (ready) return NOTHING;
  const end =
    phase.at === "draining"
      ? html`<p>Open builds are cut ${relative(phase.deadlineWallMs, nowMs)}, at the latest.</p>`
      : NOTHING;
  return html`<section class="notice"><h2>Not ready for builds</h2>${reasons.map((reason) => html`<p>${message(reason, nowMs)}</p>`)}${end}</section>`;
}

function builds({ builds: open, refusedBuilds = [] }: ObservedState): Html {
  const shown = [...open].slice(0, MAX_BUILDS).map(([build, sessions]) => row(build, sessions));
  const more = open.size > MAX_BUILDS ? html`<p class="muted">and ${open.size - MAX_BUILDS} more</p>` : NOTHING;
  const body =
    open.size === 0 ? html`<p class="empty muted">None open</p>` : html`<table class="ids">${shown}</table>${more}`;
  const refused = refusedBuilds
    .slice(0, MAX_BUILDS)
    .map(({ buildId, message }) => trouble(`${buildId} is refused`, message));
  return html`<section><h2>Sessions by build</h2>${body}${refused}</section>`;
}

function cache({ cache: open }: ObservedState): Html {
  if (open === undefined) return html`<section><h2>Cache</h2><p class="empty muted">None open</p></section>`;
  return html`<section><h2>Cache</h2><table>${[
    row("Encrypted", open.encrypted ? "yes" : "NOT ENCRYPTED"),
    row("Volume", open.volumeId || "a plain directory"),
    row("Device", open.device || "none"),
    row("File system", open.filesystem || "unknown"),
    row("Check", open.formatted ? "made anew at this start" : open.check),
  ]}</table></section>`;
}

function start({ bootChapters }: ObservedState): Html {
  if (bootChapters.length === 0) return NOTHING;
  const shown = bootChapters.map(({ name, tookMs }) => row(name, `${(tookMs / 1000).toFixed(2)} s`));
  return html`<section><h2>Start</h2><table>${shown}</table></section>`;
}

function resources({ resources: found }: ObservedState): Html {
  if (found === undefined)
    return html`<section><h2>Resources</h2><p class="empty muted">Not looked at yet</p></section>`;
  const { cacheSizeBytes, cacheFreeBytes, cacheInodes, cacheFreeInodes, memoryAvailableBytes, load1m } = found;
  const used = cacheSizeBytes - cacheFreeBytes;
  return html`<section><h2>Resources</h2>
<progress max="${cacheSizeBytes}" value="${used}" aria-label="cache disk in use"></progress>
<table>${[
    row("Cache free", sizeInWords(cacheFreeBytes)),
    row("Cache size", sizeInWords(cacheSizeBytes)),
    ...(cacheInodes === 0 ? [] : [row("Inodes free", `${cacheFreeInodes} of ${cacheInodes}`)]),
    row("Memory free", sizeInWords(memoryAvailableBytes)),
    row("Load, 1 min", load1m.toFixed(2)),
  ]}</table></section>`;
}

function buildkit({ buildkit: { version, restarts, lastExit, quarantined } }: ObservedState): Html {
  return html`<section><h2>BuildKit</h2><table>${[
    row("Version", version || "unknown"),
    row("Restarts", restarts),
    row("Last exit", lastExit || "none"),
  ]}</table>${trouble("Set aside at its last start", quarantined)}</section>`;
}

function tailnet({ tailnet: node }: ObservedState): Html {
  if (node === undefined) return NOTHING;
  return html`<section><h2>Tailnet</h2><table>${[
    row("State", node.state),
    row("Name", node.name || "none"),
    row("Addresses", node.addresses.join(", ") || "none"),
    row("Tags", node.tags.join(", ") || "none"),
    row("Subnet routes", node.acceptsRoutes ? "accepted" : "not accepted"),
  ]}</table>${trouble(node.state, node.reason)}</section>`;
}

function certificates({ certificates: found }: ObservedState, nowMs: number): Html {
  const left = (notAfterMs: number | undefined): Html | string => {
    if (notAfterMs === undefined) return "none yet";
    return html`${notAfterMs > nowMs ? "ends" : "expired"} ${relative(notAfterMs, nowMs)}`;
  };
  return html`<section><h2>Certificates</h2><table>${[
    row("Machine", left(found.machineNotAfterMs)),
    row("Serving", left(found.servingNotAfterMs)),
  ]}</table>${trouble("The last renewal failed", found.lastRenewalError)}</section>`;
}

function orders({ appliedRevision, appliedEpoch, refused }: ObservedState): Html {
  return html`<section><h2>Desired state</h2><table>${[
    row("Revision in force", appliedRevision === 0n ? "none" : appliedRevision.toString()),
    row("Epoch", appliedEpoch || "none"),
  ]}</table>${refused === undefined ? NOTHING : trouble(`Revision ${refused.revision} was refused`, refused.because)}</section>`;
}

function counters({ counters: found }: ObservedState): Html {
  return html`<section><h2>Counters</h2><table>${[
    row("Sessions let in", found.sessionsAccepted),
    row("Sessions refused", found.sessionsRefused),
    row("Messages refused", found.messagesRefused),
  ]}</table></section>`;
}

/** Words of others, of any length. */
function trouble(what: string, because: string): Html {
  return because === "" ? NOTHING : html`<p class="trouble">${what}: ${because}</p>`;
}

function row(name: string, value: string | number | Html): Html {
  return html`<tr><th scope="row">${name}</th><td class="value">${value}</td></tr>`;
}
