import type { Instant } from "../instant.ts";
import { MEANINGS } from "./meanings.ts";
import type { HeardNotice } from "./notice.ts";
import { noticeInWords } from "./notice-words.ts";

/**
 * What is kept of a notice for an ending's last steps: last records, BuildKit's end, the volume's
 * unmounting and closing, the tailnet. They take one to three seconds on a machine that is well.
 */
export const LAST_STEPS_MS = 10_000;

/**
 * An ending that is further away is told and not begun: platforms announce the retirement of a host
 * days before, and a machine that drains serves nobody. The longest notice that a machine of its
 * own gets is 15 min.
 */
const BEGIN_BEFORE_MS = 15 * 60_000;

/** What a notice comes to for a machine that it ends. CLOCK_MONOTONIC. */
export interface NoticeOrder {
  readonly reason: string;
  /** Open builds are cut. */
  readonly deadlineMonoMs: number;
  /** From then on each step is cut short. Absent: the platform does not say when it is over. */
  readonly hurryFromMonoMs?: number;
}

/**
 * The order that a notice comes to now: open builds have the machine's own grace, and never so much
 * that the last steps no longer fit. Undefined: it is told, and orders nothing.
 */
export function endByNotice(notice: HeardNotice, graceMs: number, now: Instant): NoticeOrder | undefined {
  if (!MEANINGS[notice.kind].ends) return undefined;
  const reason = noticeInWords(notice);
  const ownMonoMs = now.monoMs + graceMs;
  const { dueAt } = notice;
  if (dueAt === undefined) return { reason, deadlineMonoMs: ownMonoMs };
  if (dueAt.monoMs - now.monoMs > BEGIN_BEFORE_MS) return undefined;
  const lastMonoMs = Math.max(now.monoMs, dueAt.monoMs - LAST_STEPS_MS);
  return { reason, deadlineMonoMs: Math.min(ownMonoMs, lastMonoMs), hurryFromMonoMs: lastMonoMs };
}
