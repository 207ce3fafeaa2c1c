import type { EventName } from "./events/index.ts";

/** Between the first two lines of a fault that lasts; each pause is twice the one before. */
const PAUSE_FIRST_MS = 60_000;
/** Whoever looks at the last quarter of an hour sees that it lasts. */
const PAUSE_MAX_MS = 15 * 60_000;
/** One that was not heard of for so long is over, though nobody said so. */
const FORGOTTEN_MS = 60 * 60_000;
/** A chain of causes longer than this tells nothing new, and may be a loop. */
const MAX_CAUSES = 8;

/** What is well again after an event: these faults are over. */
const RECOVERIES: Readonly<Partial<Record<string, readonly EventName[]>>> = {
  "control-plane.attached": ["control-plane.detached"],
  "identity.registered": ["identity.registration-failed"],
  "identity.still-good": ["identity.registration-failed"],
  "certificates.renewed": ["certificates.renewal-failed"],
  "buildkit.ready": ["buildkit.not-answering", "buildkit.not-started", "buildkit.not-restarted"],
  "buildkit.step-ran": ["buildkit.step-failed"],
  "cache.open": ["cache.not-open"],
  "cache.open-not-encrypted": ["cache.not-open"],
  "disk.relieved": ["disk.still-low"],
  "network.applied": ["network.not-applied"],
  "isolation.verified": ["isolation.not-verified"],
  "tailnet.joined": ["tailnet.not-joined"],
  "config.taken": ["config.refused"],
  "notices.heard-again": ["notices.not-heard"],
  "traces.accepted": ["traces.not-accepted"],
} satisfies Partial<Record<EventName, readonly EventName[]>>;

/** Somebody looks at the log now: SIGHUP, after which what failed is tried at once. */
export const SOMEBODY_LOOKS: EventName = "config.taken";

/** The faults that are over with this event. */
export function endedBy(event: string): readonly string[] {
  return RECOVERIES[event] ?? [];
}

/** What is known of a fault that has been seen before. Times are monotonic. */
export interface FaultPast {
  readonly firstMs: number;
  readonly lastMs: number;
  readonly toldMs: number;
  readonly pauseMs: number;
  readonly count: number;
}

/**
 * A fault that comes again and again has a line at first, then at growing intervals; `isBack` with
 * the first of them, since the last line tells of another cause of the same.
 */
export function noteFault(
  before: FaultPast | undefined,
  isBack: boolean,
  nowMs: number,
): { readonly past: FaultPast; readonly isTold: boolean } {
  if (before === undefined || nowMs - before.lastMs > FORGOTTEN_MS) {
    const seen = { firstMs: nowMs, lastMs: nowMs, toldMs: nowMs };
    return { past: { ...seen, pauseMs: PAUSE_FIRST_MS, count: 1 }, isTold: true };
  }
  const past = { ...before, lastMs: nowMs, count: before.count + 1 };
  if (nowMs - before.toldMs < (isBack ? PAUSE_FIRST_MS : before.pauseMs)) return { past, isTold: false };
  const pauseMs = Math.min(PAUSE_MAX_MS, before.pauseMs * 2);
  return { past: { ...past, toldMs: nowMs, pauseMs }, isTold: true };
}

/**
 * What makes two faults the same: their words, those of the causes included. Numbers of the data
 * and lengths of time in the words differ from one try to the next and do not count.
 */
export function faultKey(level: string, event: string, data: Readonly<Record<string, unknown>>): string {
  const words = Object.entries(data).flatMap(([name, value]) =>
    typeof value === "string" || typeof value === "boolean" ? [`${name}=${value}`] : [],
  );
  const key = JSON.stringify([level, event, ...words, ...wordsOf(data["err"])]);
  return key.replace(TIMES, "…");
}

const TIMES = /\d{4}-\d\d-\d\dT[\d:.]+Z|\b\d[\d.]* ?(?:ms|s|min|h)\b/g;

function wordsOf(err: unknown, depth = 0): readonly string[] {
  if (!(err instanceof Error) || depth > MAX_CAUSES) return typeof err === "string" ? [err] : [];
  const code = "code" in err ? String(err.code) : "";
  const members: readonly unknown[] = err instanceof AggregateError ? err.errors : [];
  return [`${code} ${err.message}`, ...[...members, err.cause].flatMap((cause) => wordsOf(cause, depth + 1))];
}
