import { readFile } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import type { LogLine } from "../../stage/agent-log.ts";
import type { Stage } from "../../stage/stage.ts";

const LOOK_EVERY_MS = 250;
const KIB_IN_MIB = 1024;
/** It hangs: on a machine that does much else, too, an answer takes a few seconds at most. */
const ANSWERED_WITHIN_MS = 30_000;

/** What was seen of a machine in a while. */
export interface Seen {
  /** Of control, at each look. */
  readonly memoryMib: readonly number[];
  readonly healthWorstMs: number;
  readonly lines: readonly LogLine[];
  /** Of the checks that began to fail, each as often as it did. */
  readonly troublesBegun: readonly string[];
}

/**
 * Looks at control's memory, its health port and its log for so long.
 * @throws {Error} if the health port does not answer within 30 s.
 */
export async function watched(stage: Stage, forMs: number): Promise<Seen> {
  const pid = await stage.pid("control");
  const before = (await stage.log.lines()).length;
  const memoryMib: number[] = [];
  let healthWorstMs = 0;
  for (const until = performance.now() + forMs; performance.now() < until; await sleep(LOOK_EVERY_MS)) {
    const startedMs = performance.now();
    const answer = await fetch(`${stage.healthUrl}/livez`, { signal: AbortSignal.timeout(ANSWERED_WITHIN_MS) });
    if (!answer.ok) throw new Error(`/livez answers ${answer.status}`);
    healthWorstMs = Math.max(healthWorstMs, performance.now() - startedMs);
    memoryMib.push(await residentMib(pid));
  }
  const lines = (await stage.log.lines()).slice(before);
  const troublesBegun = lines.filter(({ event }) => event === "check.failed").map(({ data }) => String(data["check"]));
  return { memoryMib, healthWorstMs, lines, troublesBegun };
}

/** How many lines each event has. */
export function linesOf(lines: readonly LogLine[]): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (const { event } of lines) counts.set(event, (counts.get(event) ?? 0) + 1);
  return counts;
}

async function residentMib(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, "utf8");
  return Number(/VmRSS:\s+(\d+)/.exec(status)?.[1]) / KIB_IN_MIB;
}
