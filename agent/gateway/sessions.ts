import type { TLSSocket } from "node:tls";
import { sessionIdOf } from "../core/closed-sessions.ts";
import type { SessionEnding, SessionOpening, SessionSummary, Standing } from "../core/session.ts";
import { isBroken } from "../core/troubles.ts";
import { Cell } from "../lifecycle/cell.ts";
import type { Clock } from "../ports/clock.ts";
import type { GatewayStats } from "../ports/gateway.ts";
import type { Log, LogOf } from "../ports/log.ts";
import type { OwnBuffers } from "../ports/own-buffers.ts";
import type { GuardMaker } from "./calls/call-guard.ts";
import type { Grounds, Until } from "./policy.ts";
import { Splice, type SpliceEnding } from "./splice.ts";
import type { Visitor } from "./visitor.ts";

export interface SessionEvents {
  opened(opening: SessionOpening): void;
  closed(summary: SessionSummary): void;
}

export interface SessionsParts {
  readonly clock: Clock;
  readonly log: Log;
  readonly buildkitSocket: string;
  readonly buffers: OwnBuffers;
  /** Who judges the calls of a session; undefined: nobody does. */
  readonly guardOf: (opening: SessionOpening) => GuardMaker | undefined;
}

type SessionStats = Pick<
  GatewayStats,
  "accepted" | "copiedSessions" | "openSessions" | "bytesFromClients" | "bytesToClients" | "progress"
>;

interface OpenSession {
  readonly opening: SessionOpening;
  readonly openedMonoMs: number;
  readonly grounds: Grounds;
  readonly splice: Splice;
  until: Until;
}

/**
 * The sessions that are open now. It owns them: each is cut or ends by itself, and then leaves its
 * summary.
 */
export class Sessions {
  accepted = 0;
  /** Of those, whose client's bytes Node put elsewhere than where they are written from. */
  copied = 0;
  /** How many are open. */
  readonly openCount = new Cell(0);
  readonly #parts: SessionsParts;
  readonly #runId: string;
  readonly #events: SessionEvents;
  readonly #open = new Map<string, OpenSession>();
  readonly #buffers: OwnBuffers = {
    read: (socket, reading) => {
      const isOurs = this.#parts.buffers.read(socket, reading);
      if (!isOurs) this.copied += 1;
      return isOurs;
    },
  };
  #closedBytes = { fromClients: 0, toClients: 0 };

  constructor(parts: SessionsParts, runId: string, events: SessionEvents) {
    this.#parts = parts;
    this.#runId = runId;
    this.#events = events;
  }

  get openings(): readonly SessionOpening[] {
    return [...this.#open.values()].map((session) => session.opening);
  }

  get stats(): SessionStats {
    const progress = [...this.#open.values()].map(
      ({ opening, splice }) => [opening.sessionId, splice.bytesFromClient, splice.bytesToClient] as const,
    );
    return {
      accepted: this.accepted,
      copiedSessions: this.copied,
      openSessions: progress.length,
      bytesFromClients: progress.reduce((sum, [, from]) => sum + from, this.#closedBytes.fromClients),
      bytesToClients: progress.reduce((sum, [, , to]) => sum + to, this.#closedBytes.toClients),
      progress,
    };
  }

  begin(visitor: Visitor, client: TLSSocket, grounds: Grounds, until: Until): void {
    const { clock, log, buildkitSocket, guardOf } = this.#parts;
    const now = clock.now();
    this.accepted += 1;
    const opening: SessionOpening = {
      sessionId: sessionIdOf(this.#runId, this.accepted),
      build: grounds.build,
      peer: visitor.peer,
      certificateSerial: grounds.certificate.serial,
      keySpkiSha256: grounds.certificate.spkiSha256,
      openedAtMs: now.wallMs,
    };
    const legs = { client, raw: visitor.raw, buildkitSocket, buffers: this.#buffers, guard: guardOf(opening) };
    const splice = new Splice(legs, (ending) => this.#close(session, ending));
    const session: OpenSession = { opening, openedMonoMs: now.monoMs, grounds, splice, until };
    this.#open.set(opening.sessionId, session);
    this.openCount.set(this.#open.size);
    log.info({ ...about(opening), certificateSerial: opening.certificateSerial }, "session.opened");
    this.#events.opened(opening);
  }

  /** Judges each session anew. When this returns, those that lost their standing are cut. */
  review(judge: (grounds: Grounds) => Standing): void {
    for (const session of this.#open.values()) {
      const standing = judge(session.grounds);
      if (standing.stands) session.until = standing;
      else session.splice.cut(standing.ending, standing.detail);
    }
  }

  /** Cuts those whose time is up. */
  expire(nowMs: number): void {
    // Written so that a value which is not a number cuts.
    for (const { splice, until } of this.#open.values())
      if (!(nowMs < until.endsAtMs)) splice.cut(until.endsBecause, new Date(until.endsAtMs).toISOString());
  }

  /** How many it cut. */
  cutAll(ending: SessionEnding, detail: string): number {
    for (const { splice } of this.#open.values()) splice.cut(ending, detail);
    return this.#open.size;
  }

  /** Resolves when none is open. */
  async over(): Promise<void> {
    await this.openCount.first((count) => count === 0, new AbortController().signal);
  }

  #close(session: OpenSession, { ending, detail }: SpliceEnding): void {
    const { opening, splice } = session;
    const { bytesFromClient, bytesToClient, refusedCalls } = splice;
    const durationMs = Math.round(this.#parts.clock.now().monoMs - session.openedMonoMs);
    this.#open.delete(opening.sessionId);
    this.#closedBytes.fromClients += bytesFromClient;
    this.#closedBytes.toClients += bytesToClient;
    const carried = { bytesFromClient, bytesToClient, ...(refusedCalls > 0 && { refusedCalls }) };
    const closing = { durationMs, ...carried, ending, detail };
    const level = isBroken(ending) ? "warn" : "info";
    const log: LogOf<"session.closed"> = this.#parts.log;
    log[level]({ ...about(opening), ...closing }, "session.closed");
    this.#events.closed({ ...opening, ...closing });
    this.openCount.set(this.#open.size);
  }
}

function about(opening: SessionOpening): { sessionId: string; buildId: string; peer: string } {
  return { sessionId: opening.sessionId, buildId: opening.build.buildId, peer: opening.peer };
}
