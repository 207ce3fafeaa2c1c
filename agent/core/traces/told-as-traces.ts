import type { BootChapter } from "../boot-chapters.ts";
import type { SessionEnding, SessionSummary } from "../session.ts";
import type { Attributes, Span, Trace } from "./span.ts";

/**
 * Names of what the agent tells. `client.*` and `error.type` are OpenTelemetry's stable
 * conventions; those for CI (`cicd.*`) are not stable, so builds have names of our own.
 */
const BUILD = "builder.build.id";

/**
 * A start of this process: its chapters below it. Without the last of them it ended before it was
 * ready.
 */
export function startTrace(
  chapters: readonly BootChapter[],
  at: { readonly bootId: string; readonly beganAtMs: number; readonly endedAtMs: number },
): Trace {
  const { bootId, beganAtMs, endedAtMs } = at;
  const ready = chapters.find(({ name }) => name === "ready");
  const parts = chapters
    .filter((chapter) => chapter !== ready)
    .map(({ name, beganMs, tookMs }) =>
      span(name, beganAtMs + beganMs, beganAtMs + beganMs + tookMs, { "builder.boot.chapter": name }),
    );
  const whole = span("start", beganAtMs, ready === undefined ? endedAtMs : beganAtMs + ready.tookMs, {
    "builder.boot.id": bootId,
  });
  const failed = { type: "not-ready", because: "It ended before it was ready" };
  return { of: { is: "start" }, root: { ...whole, parts, ...(ready === undefined && { failed }) } };
}

/** What was tried until something that is wanted was so, or was not wanted any more. */
export interface Reconciled {
  /** Which of several things the loop does; absent: it does one. */
  readonly doing?: string;
  readonly beganAtMs: number;
  readonly endedAtMs: number;
  readonly ended: "done" | "overtaken" | "still-failing";
  /** Those that failed, at most as many as there is room for. */
  readonly tries: readonly FailedTry[];
  /** Failed tries for the same that were told of before. */
  readonly toldBefore: number;
}

export interface FailedTry {
  readonly atMs: number;
  readonly because: string;
  /** Absent: not before something else is wanted. */
  readonly retryInMs?: number;
}

export function reconciliationTrace(loop: string, done: Reconciled): Trace {
  const { doing, tries, toldBefore, ended } = done;
  const attributes = {
    "builder.loop": loop,
    ...(doing !== undefined && { "builder.reconciliation.doing": doing }),
    "builder.reconciliation.ended": ended,
    "builder.reconciliation.failed_tries": toldBefore + tries.length,
  };
  const events = tries.map(({ atMs, because, retryInMs }) => ({
    name: "try failed",
    atMs,
    attributes: { because, ...(retryInMs !== undefined && { retry_in_ms: retryInMs }) },
  }));
  const last = tries.at(-1);
  const failed = { type: "not-reconciled", because: last?.because ?? "" };
  const name = ["reconcile", loop, ...(doing === undefined ? [] : [doing])].join(" ");
  const root = { ...span(name, done.beganAtMs, done.endedAtMs, attributes), events };
  return { of: { is: "reconciliation" }, root: { ...root, ...(ended === "still-failing" && { failed }) } };
}

/** Ends as it was meant to, by whichever side. */
const WELL: readonly SessionEnding[] = ["client-closed", "build-ended"];

/** A session of a build: one connection, from its handshake to its end. */
export function sessionTrace(session: SessionSummary): Trace {
  const { build, openedAtMs, durationMs, ending, detail, peer } = session;
  const attributes = {
    [BUILD]: build.buildId,
    "builder.org.id": build.orgId,
    "builder.project.id": build.projectId,
    "builder.session.id": session.sessionId,
    "builder.session.ending": ending,
    "builder.session.bytes_from_client": session.bytesFromClient,
    "builder.session.bytes_to_client": session.bytesToClient,
    "builder.session.refused_calls": session.refusedCalls ?? 0,
    ...clientOf(peer),
  };
  const failed = { type: ending, because: detail === "" ? ending : `${ending}: ${detail}` };
  const root = span("session", openedAtMs, openedAtMs + durationMs, attributes);
  return { of: { is: "build", ...build }, root: { ...root, ...(!WELL.includes(ending) && { failed }) } };
}

/** `address:port`, the address in brackets where it has colons itself. */
function clientOf(peer: string): Attributes {
  const [, address, port] = /^\[?(.*?)\]?:(\d+)$/.exec(peer) ?? [];
  return address === undefined ? {} : { "client.address": address, "client.port": Number(port) };
}

function span(name: string, beganAtMs: number, endedAtMs: number, attributes: Attributes): Span {
  return { name, beganAtMs, endedAtMs, attributes, events: [], parts: [] };
}
