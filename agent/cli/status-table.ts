import type { Paint } from "./colour.ts";
import { columns } from "./columns.ts";
import { duration } from "./duration.ts";
import { isReady, type StatusReport } from "./status-report.ts";

const GIB = 1024 ** 3;

/** A report as an operator reads it: what is wrong first, then each thing on a line of its own. `nowMs` is the wall clock. */
export function statusTable(report: StatusReport, nowMs: number, paint: Paint): string {
  const { buildkit, certificates, counters, resources } = report;
  const rows: (readonly [string, string])[] = [
    ["revision", report.appliedRevision === "0" ? "none in force" : report.appliedRevision],
    ["sessions", sessions(report)],
    ["", `${counters.sessionsAccepted} let in and ${counters.sessionsRefused} refused since the gateway started`],
    ["BuildKit", buildkitLine(buildkit)],
    ["machine cert", `${remaining(certificates.machineNotAfterMs, nowMs)}${renewal(certificates)}`],
    ["serving cert", remaining(certificates.servingNotAfterMs, nowMs)],
    ...(resources === undefined ? [] : [["disk", disk(resources)] as const]),
  ];
  const checks = report.checks.map((check) => [
    `[${mark(check)}]`,
    check.name,
    `${check.message}${since(check, nowMs)}`,
  ]);
  return `${headline(report, nowMs, paint)}\n\n${columns(rows)}\n${colourMarks(columns(checks), paint)}`;
}

function headline(report: StatusReport, nowMs: number, paint: Paint): string {
  const { at, reason, deadlineWallMs } = report.phase;
  const failing = report.checks.filter((check) => check.blocking && !check.ok);
  const because = failing.map((check) => `\n  ${check.name}: ${check.message}`).join("");
  const why = reason === undefined ? "" : `: ${reason}`;
  const until = deadlineWallMs === undefined ? "" : `, for at most ${duration(deadlineWallMs - nowMs)} more`;
  return isReady(report) ? paint("green", "ready") : `${paint("red", "not ready")} (${at}${why}${until})${because}`;
}

function sessions({ builds }: StatusReport): string {
  const open = Object.entries(builds).filter(([, count]) => count > 0);
  if (open.length === 0) return "none open";
  return open.map(([build, count]) => (count === 1 ? build : `${build} (${count})`)).join(", ");
}

function buildkitLine({ version, restarts, lastExit }: StatusReport["buildkit"]): string {
  const name = version === "" ? "no version known" : version;
  if (restarts === 0) return name;
  return `${name}, restarted ${restarts === 1 ? "once" : `${restarts} times`}, last ended: ${lastExit || "unknown"}`;
}

function remaining(notAfterMs: number | undefined, nowMs: number): string {
  if (notAfterMs === undefined) return "none yet";
  return notAfterMs > nowMs ? `${duration(notAfterMs - nowMs)} left` : `expired ${duration(nowMs - notAfterMs)} ago`;
}

function renewal({ lastRenewalError }: StatusReport["certificates"]): string {
  return lastRenewalError === "" ? "" : ` (last renewal: ${lastRenewalError})`;
}

function disk({ cacheFreeBytes, cacheSizeBytes }: NonNullable<StatusReport["resources"]>): string {
  const share = cacheSizeBytes === 0 ? 0 : Math.round((100 * cacheFreeBytes) / cacheSizeBytes);
  return `${(cacheFreeBytes / GIB).toFixed(1)} of ${(cacheSizeBytes / GIB).toFixed(1)} GiB free (${share} %)`;
}

type Check = StatusReport["checks"][number];

function mark({ ok, blocking }: Check): string {
  if (ok) return "+";
  return blocking ? "-" : "!";
}

function since({ ok, sinceMs }: Check, nowMs: number): string {
  return ok ? "" : `, since ${duration(nowMs - sinceMs)}`;
}

function colourMarks(table: string, paint: Paint): string {
  return table
    .replaceAll(/^\[\+\]/gm, paint("green", "[+]"))
    .replaceAll(/^\[-\]/gm, paint("red", "[-]"))
    .replaceAll(/^\[!\]/gm, paint("yellow", "[!]"));
}
