import type { Breach, FaultRun, RecordSeen, SessionSeen, Timeline } from "../timeline.ts";

const ONCE = "Every session's record reaches the control plane, exactly once";
/** What ends a gateway, and with it whatever it alone knew of. */
const ENDS_GATEWAY: ReadonlySet<string> = new Set(["gateway-killed", "agent-killed"]);
/** While one of these lasts there may be nobody to whom a gateway could tell of its sessions. */
const CONTROL_AWAY: ReadonlySet<string> = new Set([
  ...["control-killed", "control-stopped", "agent-killed", "agent-drained", "gateway-stopped", "state-full"],
]);
/** From a session's first moment until control has it on disk; far more than it takes. */
const TOLD_MS = 1_000;
/** Until a killed control is there again, on a busy machine. */
const BACK_MS = 10_000;

/**
 * Each session once, each number of a boot once and without gaps, nobody's else.
 * @param slowness how many times slower than a quiet one the machine is.
 */
export function judgeRecords({ sessions, records, faults }: Timeline, slowness = 1): readonly Breach[] {
  const because: string[] = [];
  const bySession = grouped(records, ({ sessionId }) => sessionId);
  for (const session of sessions) {
    const count = bySession.get(session.sessionId)?.length ?? 0;
    if (count > 1) because.push(`session ${session.sessionId} of ${session.buildId} has ${count} records`);
    if (count === 0 && !diedUntold(session, faults, slowness))
      because.push(`session ${session.sessionId} of ${session.buildId} has no record`);
  }
  const known = new Set(sessions.map(({ sessionId }) => sessionId));
  for (const { sessionId, buildId } of records)
    if (!known.has(sessionId)) because.push(`a record of ${buildId} is of session ${sessionId}, which nobody let in`);
  for (const [bootId, ofBoot] of grouped(records, (record) => record.bootId)) because.push(...numbers(bootId, ofBoot));
  return because.map((why) => ({ promise: ONCE, because: why }));
}

/** Only its gateway knew of it, and was killed before there was anybody to tell. */
export function diedUntold({ openedMs }: SessionSeen, faults: readonly FaultRun[], slowness: number): boolean {
  const [toldMs, backMs] = [TOLD_MS * slowness, BACK_MS * slowness];
  const deaths = faults.filter(({ is, beganMs }) => ENDS_GATEWAY.has(is) && beganMs >= openedMs - toldMs);
  return deaths.some(
    ({ beganMs: diedMs }) =>
      diedMs - openedMs < toldMs ||
      faults.some(
        ({ is, beganMs, mendedMs }) => CONTROL_AWAY.has(is) && beganMs < diedMs && mendedMs + backMs > openedMs,
      ),
  );
}

function numbers(bootId: string, records: readonly RecordSeen[]): readonly string[] {
  const sequences = records.map(({ sequence }) => sequence).toSorted((one, other) => Number(one - other));
  return sequences.flatMap((sequence, index) => {
    const before = index === 0 ? 0n : (sequences[index - 1] ?? 0n);
    return sequence === before + 1n ? [] : [`boot ${bootId}: after record ${before} comes ${sequence}`];
  });
}

function grouped<T>(all: readonly T[], by: (one: T) => string): ReadonlyMap<string, readonly T[]> {
  const groups = new Map<string, T[]>();
  for (const one of all) groups.set(by(one), [...(groups.get(by(one)) ?? []), one]);
  return groups;
}
