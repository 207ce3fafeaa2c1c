import type { GatewayStats } from "../../ports/gateway.ts";

type Counts = Readonly<Record<string, number>>;

/**
 * The figures of all gateways together, while one is replaced. What one has counted stays counted
 * when it is gone, so that the sum does not shrink as processes end.
 */
export class GatewayFigures {
  readonly #told = new Map<string, GatewayStats>();
  #before: GatewayStats | undefined;

  /** Of all that told, this one last. */
  note(runId: string, stats: GatewayStats): GatewayStats {
    this.#told.delete(runId);
    this.#told.set(runId, stats);
    return [...(this.#before === undefined ? [] : [this.#before]), ...this.#told.values()].reduce(sum);
  }

  /** It finished, and is gone. */
  finished(runId: string): void {
    const stats = this.#told.get(runId);
    if (stats === undefined || !this.#told.delete(runId)) return;
    const { address: _, ...counted } = stats;
    const last = { ...counted, listening: false, progress: [], ...NOTHING_NOW };
    this.#before = this.#before === undefined ? last : sum(this.#before, last);
  }

  /** It broke, and another began at nothing. */
  forget(runId: string): void {
    this.#told.delete(runId);
  }
}

const NOTHING_NOW = { pendingHandshakes: 0, openSessions: 0, residentBytes: 0, eventLoopDelayP99Ms: 0 };

function sum(a: GatewayStats, b: GatewayStats): GatewayStats {
  const address = b.address ?? a.address;
  return {
    ...(address !== undefined && { address }),
    listening: a.listening || b.listening,
    accepted: a.accepted + b.accepted,
    refused: sumOf(a.refused, b.refused),
    refusedCalls: sumOf(a.refusedCalls, b.refusedCalls),
    pendingHandshakes: a.pendingHandshakes + b.pendingHandshakes,
    openSessions: a.openSessions + b.openSessions,
    bytesFromClients: a.bytesFromClients + b.bytesFromClients,
    bytesToClients: a.bytesToClients + b.bytesToClients,
    residentBytes: a.residentBytes + b.residentBytes,
    eventLoopDelayP99Ms: Math.max(a.eventLoopDelayP99Ms, b.eventLoopDelayP99Ms),
    recordsDropped: a.recordsDropped + b.recordsDropped,
    linkFaults: a.linkFaults + b.linkFaults,
    logLinesDropped: a.logLinesDropped + b.logLinesDropped,
    copiedSessions: a.copiedSessions + b.copiedSessions,
    progress: [...a.progress, ...b.progress],
  };
}

function sumOf(a: Counts, b: Counts): Counts {
  const all = { ...a };
  for (const [name, count] of Object.entries(b)) all[name] = (all[name] ?? 0) + count;
  return all;
}
