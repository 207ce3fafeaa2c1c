import { worstFirst } from "../core/health.ts";
import { sizeInWords } from "../core/size-words.ts";
import { clockTime, duration, withTimes } from "../core/time-words.ts";
import { troubleInWords } from "../core/trouble-words.ts";
import type { StatusAnswer } from "./ask-status.ts";
import { columns, type Paint } from "./printing.ts";
import { statusHead } from "./status-head.ts";

/** A table for a person: `--json` has them all. */
const REFUSED_SHOWN = 5;

/**
 * An answer as an operator reads it: what is wrong first, then each thing on a line of its own.
 * `nowMs` is the wall clock.
 */
export function statusTable(answer: StatusAnswer, nowMs: number, paint: Paint): string {
  const { bootChapters, buildkit, cache, certificates, counters, resources, tailnet } = answer;
  const rows: (readonly [string, string])[] = [
    ...statusHead(answer, nowMs),
    ["phase", phase(answer, nowMs)],
    ["revision", answer.appliedRevision === "0" ? "none in force" : answer.appliedRevision],
    ["sessions", sessions(answer)],
    ["", `${counters.sessionsAccepted} let in and ${counters.sessionsRefused} refused since the gateway started`],
    ...refused(answer),
    ["cache", cache === undefined ? "none open" : cacheLine(cache)],
    ["BuildKit", buildkitLine(buildkit)],
    ...(tailnet === undefined ? [] : [["tailnet", tailnetLine(tailnet)] as const]),
    ["machine cert", `${remaining(certificates.machineNotAfterMs, nowMs)}${renewal(certificates)}`],
    ["serving cert", remaining(certificates.servingNotAfterMs, nowMs)],
    ...(resources === undefined ? [] : [["disk", disk(resources)] as const]),
    ["start", start(bootChapters)],
  ];
  const checks = worstFirst(answer.checks).flatMap((check) => [
    [`[${mark(check)}]`, check.name, `${withTimes(check.message, nowMs)}${because(check)}${since(check, nowMs)}`],
    ...beneath(check, nowMs).map((line) => ["", "", line]),
  ]);
  return `${headline(answer, nowMs, paint)}\n\n${columns(rows)}\n${colourMarks(columns(checks), paint)}${recentTrouble(answer, nowMs)}`;
}

function headline({ ready, notReadyBecause }: StatusAnswer, nowMs: number, paint: Paint): string {
  if (ready) return paint("green", "ready");
  return [paint("red", "not ready"), ...notReadyBecause.map((reason) => `  ${withTimes(reason, nowMs)}`)].join("\n");
}

function phase({ phase: { at, deadlineWallMs } }: StatusAnswer, nowMs: number): string {
  return deadlineWallMs === undefined ? at : `${at}, for at most ${duration(deadlineWallMs - nowMs)} more`;
}

function sessions({ builds }: StatusAnswer): string {
  const open = Object.entries(builds).filter(([, count]) => count > 0);
  if (open.length === 0) return "none open";
  return open.map(([build, count]) => (count === 1 ? build : `${build} (${count})`)).join(", ");
}

/** Open builds that get no new connection: a line each, for as many as help. */
function refused({ refusedBuilds = [] }: StatusAnswer): readonly (readonly [string, string])[] {
  const shown = refusedBuilds.slice(0, REFUSED_SHOWN).map(({ buildId, message }) => `${buildId}: ${message}`);
  const more = refusedBuilds.length - shown.length;
  const lines = more > 0 ? [...shown, `and ${more} more`] : shown;
  return lines.map((line, index) => [index === 0 ? "refused" : "", line] as const);
}

function buildkitLine({ version, restarts, lastExit }: StatusAnswer["buildkit"]): string {
  const name = version === "" ? "no version known" : version;
  if (restarts === 0) return name;
  return `${name}, restarted ${restarts === 1 ? "once" : `${restarts} times`}, last ended: ${lastExit || "unknown"}`;
}

function cacheLine({ encrypted, volumeId, device, filesystem, formatted }: NonNullable<StatusAnswer["cache"]>): string {
  if (!encrypted) return "a plain directory, NOT ENCRYPTED";
  return `${volumeId} on ${device} (${filesystem}), encrypted${formatted ? ", made anew at this start" : ""}`;
}

function tailnetLine({ state, reason, name, addresses }: NonNullable<StatusAnswer["tailnet"]>): string {
  return state === "joined" ? `${name || "joined"} (${addresses.join(", ")})` : `${state}: ${reason}`;
}

/** "ready after 2.1 s: register 0.3 s, attach 0.1 s, …" */
function start(chapters: StatusAnswer["bootChapters"]): string {
  const shown = (ms: number): string => `${(ms / 1000).toFixed(1)} s`;
  const ready = chapters.find(({ name }) => name === "ready");
  const parts = chapters.filter((chapter) => chapter !== ready).map(({ name, tookMs }) => `${name} ${shown(tookMs)}`);
  return [ready === undefined ? "not ready yet" : `ready after ${shown(ready.tookMs)}`, parts.join(", ")]
    .filter((part) => part !== "")
    .join(": ");
}

function remaining(notAfterMs: number | undefined, nowMs: number): string {
  if (notAfterMs === undefined) return "none yet";
  return notAfterMs > nowMs ? `${duration(notAfterMs - nowMs)} left` : `expired ${duration(nowMs - notAfterMs)} ago`;
}

function renewal({ lastRenewalError }: StatusAnswer["certificates"]): string {
  return lastRenewalError === "" ? "" : ` (last renewal: ${lastRenewalError})`;
}

function disk(resources: NonNullable<StatusAnswer["resources"]>): string {
  const { cacheFreeBytes, cacheSizeBytes, cacheInodes, cacheFreeInodes } = resources;
  const inodes = cacheInodes === 0 ? "" : `, ${percent(cacheFreeInodes, cacheInodes)} of its inodes`;
  const share = percent(cacheFreeBytes, cacheSizeBytes);
  return `${sizeInWords(cacheFreeBytes)} of ${sizeInWords(cacheSizeBytes)} free (${share})${inodes}`;
}

function percent(part: number, whole: number): string {
  return `${whole === 0 ? 0 : Math.round((100 * part) / whole)} %`;
}

/** What is over as well: the newest first. */
function recentTrouble({ troubles }: Pick<StatusAnswer, "troubles">, nowMs: number): string {
  if (troubles.length === 0) return "";
  const rows = troubles.map((one) => [
    `  ${clockTime(one.sinceMs, nowMs)}`,
    withTimes(troubleInWords(one, nowMs), nowMs),
  ]);
  return `\nrecent trouble\n${columns(rows)}`;
}

type Check = StatusAnswer["checks"][number];

/** Of a cause: what it was judged by, and what to do. */
function beneath({ ok, causedBy, evidence, remedy }: Check, nowMs: number): readonly string[] {
  if (ok || causedBy !== undefined) return [];
  const seen = evidence.length === 0 ? [] : [`seen: ${withTimes(evidence.join("; "), nowMs)}`];
  return [...seen, ...(remedy === "" ? [] : [`do: ${remedy}`])];
}

function because({ ok, causedBy }: Check): string {
  return ok || causedBy === undefined ? "" : `, because of ${causedBy}`;
}

function mark({ ok, state, blocking }: Check): string {
  if (ok) return "+";
  if (state === "unknown") return "?";
  return blocking ? "-" : "!";
}

function since({ ok, sinceMs }: Check, nowMs: number): string {
  return ok ? "" : ` (for ${duration(nowMs - sinceMs)})`;
}

function colourMarks(table: string, paint: Paint): string {
  return table
    .replaceAll(/^\[\+\]/gm, paint("green", "[+]"))
    .replaceAll(/^\[-\]/gm, paint("red", "[-]"))
    .replaceAll(/^\[!\]/gm, paint("yellow", "[!]"))
    .replaceAll(/^\[\?\]/gm, paint("yellow", "[?]"));
}
