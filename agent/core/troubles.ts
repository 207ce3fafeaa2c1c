import type { CheckResult } from "./health.ts";
import type { SessionEnding } from "./session.ts";

/** What went wrong lately, for whoever looks after it is over. Times are Unix milliseconds. */
export interface Trouble {
  readonly is: "check-failed" | "process-ended" | "builds-broken";
  /** The check's name, or the process's. */
  readonly what: string;
  /** What was so, when it began. */
  readonly message: string;
  readonly sinceMs: number;
  /** Absent: it goes on. */
  readonly untilMs?: number;
  /** How often within that time; a check that comes and goes is one trouble. */
  readonly times: number;
  /** Builds that it broke: the first of them. */
  readonly builds: readonly string[];
  readonly moreBuilds: number;
}

type Troubles = readonly Trouble[];

/** For a person at night; metrics and the log have them all. */
const MOST = 10;
const MOST_BUILDS = 10;
const MESSAGE_MAX = 500;
/** What fails or ends again so soon after it was well is the same trouble. */
const AGAIN_MS = 60_000;
/** A process's end, what its check says and the sessions that it broke are told this close. */
const TOGETHER_MS = 10_000;

/** What a fresh process lacks at first, and for how long that is nothing to tell. */
const TAKEN_WITH: Readonly<Record<string, string>> = { gateway: "serving-certificate" };
const MOMENT_MS = 2_000;

/** Which check fails for want of a process: its end and that are one trouble. */
const CHECK_OF: Readonly<Record<string, string>> = { buildkitd: "buildkit", gateway: "gateway" };

/** Endings that a build did not ask for and nobody ordered: a fault of this machine broke it. */
const BROKEN: readonly SessionEnding[] = ["buildkit-closed", "buildkit-error", "gateway-lost"];

export function isBroken(ending: SessionEnding): boolean {
  return BROKEN.includes(ending);
}

/**
 * Checks that have turned. What fails from the start is only not there yet, and what another check
 * explains is no trouble of its own, nor is what the end of its process explains; one that is ok
 * again has its end. `before`: by `onceOk`.
 */
export function notedChecks(
  troubles: Troubles,
  before: ReadonlyMap<string, CheckResult>,
  after: readonly CheckResult[],
): Troubles {
  return after.reduce<Troubles>((noted, check) => {
    if (check.state === "ok") return ended(noted, check);
    if (check.state === "unknown" && check.causedBy !== undefined) return withoutMoment(noted, check);
    const last = noted.findLast((one) => isOfCheck(one, check.name));
    const hasTurned = before.get(check.name)?.state === "ok" && check.state === "failed";
    const isOpen = last !== undefined && last.untilMs === undefined;
    if (isOpen || !hasTurned || check.causedBy !== undefined) return noted;
    if (last?.is === "process-ended" && isTogether(last, check.sinceMs)) return replaced(noted, last, reopened(last));
    if (last?.is === "check-failed" && isAgain(last, check.sinceMs))
      return replaced(noted, last, { ...reopened(last), times: last.times + 1 });
    return added(noted, { is: "check-failed", what: check.name, message: check.message, sinceMs: check.sinceMs });
  }, troubles);
}

/** Of each check its last finding that was ok; while there was none, its last. */
export function onceOk(
  before: ReadonlyMap<string, CheckResult>,
  after: readonly CheckResult[],
): ReadonlyMap<string, CheckResult> {
  return new Map(after.map((check) => [check.name, check.state === "ok" ? check : (before.get(check.name) ?? check)]));
}

/**
 * A process that ended unasked. `builds` had sessions through it. Where its check has told already
 * that it is away, that trouble says from now on how it ended.
 */
export function notedEnd(troubles: Troubles, end: EndOfProcess): Troubles {
  const { what, how, atMs, builds = [] } = end;
  const told = troubles.findLast((one) => isToldOf(one, what, atMs));
  const noted =
    told === undefined
      ? added(troubles, { is: "process-ended", what, message: how, sinceMs: atMs, untilMs: atMs })
      : replaced(troubles, told, withEnd(told, end));
  return builds.reduce((all, build) => notedBroken(all, what, build, atMs), noted);
}

/** What was told of a process already, and that it ended. */
function withEnd(told: Trouble, { what, how, atMs }: EndOfProcess): Trouble {
  const isOpen = told.untilMs === undefined;
  if (told.is === "process-ended")
    return { ...told, message: cut(how), times: told.times + 1, ...(!isOpen && { untilMs: atMs }) };
  // A check that had failed for longer has told what came before.
  const message = Math.abs(atMs - told.sinceMs) <= TOGETHER_MS ? how : `${told.message}; then it ended: ${how}`;
  return { ...told, is: "process-ended", what, message: cut(message) };
}

export interface EndOfProcess {
  readonly what: string;
  readonly how: string;
  readonly atMs: number;
  readonly builds?: readonly string[];
}

/** A build that lost a session by a fault of `what`. To be told of it again is no news. */
export function notedBroken(troubles: Troubles, what: string, build: string, atMs: number): Troubles {
  const isOf = (one: Trouble): boolean => one.is !== "check-failed" && one.what === what && isTogether(one, atMs);
  const told = troubles.findLast(isOf);
  if (told === undefined) {
    const message = `${what} ended connections of builds`;
    const broken = { is: "builds-broken", what, message, sinceMs: atMs, untilMs: atMs, builds: [build] } as const;
    return added(troubles, broken);
  }
  if (told.builds.includes(build)) return troubles;
  if (told.builds.length < MOST_BUILDS) return replaced(troubles, told, { ...told, builds: [...told.builds, build] });
  return replaced(troubles, told, { ...told, moreBuilds: told.moreBuilds + 1 });
}

/** What an earlier run kept, and what this one has noted since. */
export function continued(kept: Troubles, since: Troubles): Troubles {
  return [...kept, ...since].slice(-MOST);
}

/** Of the check itself, or of the process for want of which it fails. */
function isOfCheck({ is, what }: Trouble, name: string): boolean {
  return is === "check-failed" ? what === name : is === "process-ended" && CHECK_OF[what] === name;
}

/** What was told of a process, or of its check, that this end of it belongs to. */
function isToldOf(one: Trouble, process: string, atMs: number): boolean {
  if (one.is === "process-ended") return one.what === process && isAgain(one, atMs);
  if (one.is === "builds-broken") return one.what === process && isTogether(one, atMs);
  return one.what === CHECK_OF[process] && (one.untilMs === undefined || isTogether(one, atMs));
}

/** With its end, wherever it was told as going on. */
function ended(troubles: Troubles, check: CheckResult): Troubles {
  const { name, sinceMs: untilMs } = check;
  const isOpen = (one: Trouble): boolean => isOfCheck(one, name) && one.untilMs === undefined;
  if (!troubles.some(isOpen)) return troubles;
  return withoutMoment(troubles, check).map((one) => (isOpen(one) ? { ...one, untilMs } : one));
}

/** What a process that ended took with it for a moment is a part of that trouble. */
function withoutMoment(troubles: Troubles, { name, sinceMs: untilMs }: CheckResult): Troubles {
  const isMoment = (one: Trouble): boolean =>
    one.is === "check-failed" && one.what === name && one.untilMs === undefined && untilMs - one.sinceMs < MOMENT_MS;
  const isPart = (one: Trouble): boolean =>
    troubles.some(
      (other) => other.is === "process-ended" && TAKEN_WITH[other.what] === name && isTogether(other, one.sinceMs),
    );
  const kept = troubles.filter((one) => !(isMoment(one) && isPart(one)));
  return kept.length === troubles.length ? troubles : kept;
}

function cut(message: string): string {
  return message.slice(0, MESSAGE_MAX);
}

/** While it went on, or about then. */
function isTogether({ sinceMs, untilMs = sinceMs }: Trouble, atMs: number): boolean {
  return sinceMs - TOGETHER_MS <= atMs && atMs <= untilMs + TOGETHER_MS;
}

/** While it goes on, or soon after. */
function isAgain({ untilMs }: Trouble, atMs: number): boolean {
  return untilMs === undefined || atMs - untilMs < AGAIN_MS;
}

function reopened({ untilMs: _, ...trouble }: Trouble): Trouble {
  return trouble;
}

function added(
  troubles: Troubles,
  trouble: Pick<Trouble, "is" | "what" | "message" | "sinceMs"> & Partial<Trouble>,
): Troubles {
  return continued(troubles, [{ times: 1, builds: [], moreBuilds: 0, ...trouble, message: cut(trouble.message) }]);
}

function replaced(troubles: Troubles, one: Trouble, by: Trouble): Troubles {
  return troubles.map((trouble) => (trouble === one ? by : trouble));
}
