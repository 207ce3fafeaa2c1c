import type { Instant } from "../instant.ts";
import { MEANINGS } from "./meanings.ts";
import type { HeardNotice, Notice } from "./notice.ts";

/** More are no notices of one machine: a service that says so is not believed any further. */
const MOST_NOTICES = 50;

/**
 * What one line of a platform says now, each notice with the moment when it was first heard, and
 * when it is due by that look: a platform says the same again with every answer. One whose time is
 * another, or that has begun early, is news.
 */
export function heardNow(
  before: readonly HeardNotice[],
  notices: readonly Notice[],
  now: Instant,
): readonly HeardNotice[] {
  return notices.slice(0, MOST_NOTICES).map((notice) => {
    const known = before.find((one) => isSame(one, notice));
    if (known !== undefined && !(notice.leftMs === 0 && isAhead(known, now))) return known;
    const leftMs = timeLeft(notice);
    return { ...notice, heardAt: known?.heardAt ?? now, ...(leftMs !== undefined && { dueAt: later(now, leftMs) }) };
  });
}

function isSame(one: Notice, other: Notice): boolean {
  const isOneTime = one.atMs === other.atMs || other.leftMs === 0;
  return one.kind === other.kind && one.id === other.id && isOneTime;
}

function isAhead({ dueAt }: HeardNotice, now: Instant): boolean {
  return dueAt === undefined || dueAt.monoMs > now.monoMs;
}

/** Undefined: the platform does not say, and neither does its documentation. */
function timeLeft({ kind, leftMs }: Notice): number | undefined {
  const { leastMs, mostMs = Number.POSITIVE_INFINITY } = MEANINGS[kind];
  const given = leftMs ?? leastMs ?? (Number.isFinite(mostMs) ? mostMs : undefined);
  return given === undefined ? undefined : Math.max(0, Math.min(given, mostMs));
}

function later({ wallMs, monoMs }: Instant, ms: number): Instant {
  return { wallMs: wallMs + ms, monoMs: monoMs + ms };
}
