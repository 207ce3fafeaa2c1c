import type { TLSSocket } from "node:tls";
import type { SessionEnding, SessionOpening, SessionSummary, Standing } from "../core/session.ts";
import type { Clock } from "../ports/clock.ts";
import type { GatewayStats } from "../ports/gateway.ts";
import type { Log } from "../ports/log.ts";
import type { Grounds, Until } from "./policy.ts";
import { Splice, type SpliceEnding } from "./splice.ts";
import type { Visitor } from "./visitor.ts";

export interface SessionEvents {
  opened(opening: SessionOpening): void;
  closed(summary: SessionSummary): void;
}

interface OpenSession {
  readonly opening: SessionOpening;
  readonly openedMonoMs: number;
  readonly grounds: Grounds;
  readonly splice: Splice;
  until: Until;
}

/** The sessions that are open now. It owns them: each is cut or ends by itself, and then leaves its summary. */
export class Sessions {
  accepted = 0;
  readonly #parts: { readonly clock: Clock; readonly log: Log; readonly buildkitSocket: string };
  readonly #runId: string;
  readonly #events: SessionEvents;
  readonly #open = new Map<string, OpenSession>();
  #onNone: () => void = () => undefined;
  #closedBytes = { fromClients: 0, toClients: 0 };

  constructor(
    parts: { readonly clock: Clock; readonly log: Log; readonly buildkitSocket: string },
    runId: string,
    events: SessionEvents,
  ) {
    this.#parts = parts;
    this.#runId = runId;
    this.#events = events;
  }

  get openings(): readonly SessionOpening[] {
    return [...this.#open.values()].map((session) => session.opening);
  }

  get stats(): Pick<GatewayStats, "accepted" | "openSessions" | "bytesFromClients" | "bytesToClients" | "progress"> {
    const progress = [...this.#open.values()].map(
      ({ opening, splice }) => [opening.sessionId, splice.bytesFromClient, splice.bytesToClient] as const,
    );
    return {
      accepted: this.accepted,
      openSessions: progress.length,
      bytesFromClients: progress.reduce((sum, [, from]) => sum + from, this.#closedBytes.fromClients),
      bytesToClients: progress.reduce((sum, [, , to]) => sum + to, this.#closedBytes.toClients),
      progress,
    };
  }

  begin(visitor: Visitor, client: TLSSocket, grounds: Grounds, until: Until): void {
    const { clock, log, buildkitSocket } = this.#parts;
    const now = clock.now();
    this.accepted += 1;
    const opening: SessionOpening = {
      sessionId: `${this.#runId}.${this.accepted}`,
      build: grounds.build,
      peer: visitor.peer,
      certificateSerial: grounds.certificate.serial,
      keySpkiSha256: grounds.certificate.spkiSha256,
      openedAtMs: now.wallMs,
    };
    const splice = new Splice({ client, raw: visitor.raw, buildkitSocket }, (ending) => this.#close(session, ending));
    const session: OpenSession = { opening, openedMonoMs: now.monoMs, grounds, splice, until };
    this.#open.set(opening.sessionId, session);
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
  over(): Promise<void> {
    return new Promise((resolve) => {
      this.#onNone = resolve;
      if (this.#open.size === 0) resolve();
    });
  }

  #close(session: OpenSession, { ending, detail }: SpliceEnding): void {
    const { opening, splice } = session;
    const { bytesFromClient, bytesToClient } = splice;
    const durationMs = Math.round(this.#parts.clock.now().monoMs - session.openedMonoMs);
    this.#open.delete(opening.sessionId);
    this.#closedBytes.fromClients += bytesFromClient;
    this.#closedBytes.toClients += bytesToClient;
    const closing = { durationMs, bytesFromClient, bytesToClient, ending, detail };
    const level = ending === "buildkit-error" ? "warn" : "info";
    this.#parts.log[level]({ ...about(opening), ...closing }, "session.closed");
    this.#events.closed({ ...opening, ...closing });
    if (this.#open.size === 0) this.#onNone();
  }
}

function about(opening: SessionOpening): { sessionId: string; buildId: string; peer: string } {
  return { sessionId: opening.sessionId, buildId: opening.build.buildId, peer: opening.peer };
}
