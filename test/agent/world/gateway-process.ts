import type { AllowSet } from "../../../agent/core/allow-set.ts";
import { ageMs, type Instant } from "../../../agent/core/instant.ts";
import type { SessionEnding, SessionOpening, SessionSummary } from "../../../agent/core/session.ts";
import type { GatewayEvent, GatewayStats } from "../../../agent/ports/gateway.ts";
import type { SigningRequest } from "../../../agent/ports/keys.ts";
import type { KnownSessions, SessionEnd } from "../facts.ts";
import { readCertificate, signingRequest } from "./keys.ts";
import type { Stage } from "./stage.ts";

const STATS_EVERY_MS = 2_000;
const VIEW_MAX_AGE_MS = 5 * 60_000;
/** As many as a real gateway keeps. */
const MOST_RECORDS = 16_384;

interface Session {
  readonly opening: SessionOpening;
  readonly openedMonoMs: number;
  readonly onClose: () => void;
}

/**
 * The gateway's process: it outlives control, obeys the orders that it had last, and tells of its
 * sessions whenever somebody listens. It judges by grant, time, admission and the view's age alone:
 * certificates are the real gateway's tests' business.
 */
export class GatewayProcess {
  readonly #stage: Stage;
  /** Where BuildKit is not up, a session ends as it begins. */
  isBuildkitUp: () => boolean = () => true;
  /** While a listener is there and the link is up, what is told arrives. */
  #hear: ((event: GatewayEvent) => void) | undefined;
  /**
   * When the last listener went, there was no session and the door was shut: that stays true until
   * a word of it.
   */
  #wasLeftIdle = false;
  #runs = 0;
  #runId = "";
  #keys = 0;
  #request: SigningRequest = signingRequest("none");
  #servingNotAfterMs: number | undefined;
  #allowSet: AllowSet | undefined;
  #isShut = false;
  #accepted = 0;
  #refused = 0;
  #dropped = 0;
  readonly #open = new Map<string, Session>();
  readonly #closed = new Map<string, SessionSummary>();
  #isRunning = false;
  #hasPulse = false;

  constructor(stage: Stage) {
    this.#stage = stage;
  }

  get openCount(): number {
    return this.#open.size;
  }

  get runId(): string {
    return this.#runId;
  }

  get unacknowledged(): number {
    return this.#closed.size;
  }

  get applied(): { readonly epoch: string; readonly revision: bigint } | undefined {
    return this.#allowSet;
  }

  /** What control can know of sessions now. */
  get known(): KnownSessions {
    if (this.#hear === undefined) return this.#wasLeftIdle ? "idle" : "away";
    return this.#open.size === 0 ? "idle" : "busy";
  }

  get isRunning(): boolean {
    return this.#isRunning;
  }

  /** Harmless if it runs: whoever keeps it running never starts a second one beside it. */
  start(): void {
    if (this.#isRunning) return;
    this.#isRunning = true;
    this.#runs += 1;
    this.#runId = `gateway-${this.#runs}`;
    this.#keys = 0;
    this.#request = this.#freshRequest();
    this.#servingNotAfterMs = undefined;
    this.#allowSet = undefined;
    this.#isShut = false;
    [this.#accepted, this.#refused, this.#dropped] = [0, 0, 0];
    this.#stage.trace.note({ is: "gateway-started" });
    if (this.#hasPulse) return;
    this.#hasPulse = true;
    const pulse = (): void => {
      this.#stats();
      this.#expire();
      this.#stage.clock.at(STATS_EVERY_MS, pulse);
    };
    this.#stage.clock.at(STATS_EVERY_MS, pulse);
  }

  /** All that it held in memory is gone with it, records that nobody took included. */
  die(): void {
    for (const sessionId of this.#open.keys()) this.#close(sessionId, "gateway-died", "gateway-lost");
    this.#closed.clear();
    this.#hear = undefined;
    this.#isRunning = false;
  }

  /** Somebody listens from now on. */
  greet(hear: (event: GatewayEvent) => void): void {
    this.#hear = hear;
    this.#wasLeftIdle = false;
    const open = [...this.#open.values()].map(({ opening }) => opening);
    const closed = [...this.#closed.values()];
    hear({
      is: "hello",
      runId: this.#runId,
      request: this.#request,
      ...(this.#servingNotAfterMs !== undefined && { servingNotAfterMs: this.#servingNotAfterMs }),
      ...(this.#allowSet && { applied: { revision: this.#allowSet.revision, epoch: this.#allowSet.epoch } }),
      open,
      closed,
    });
    this.#stage.trace.note({
      is: "sessions-told",
      open: open.map(({ sessionId }) => sessionId),
      closed: closed.map(({ sessionId }) => sessionId),
    });
    this.#stats();
  }

  /** The link is down. */
  deafen(): void {
    this.#wasLeftIdle = this.#open.size === 0 && this.#allowSet?.admission.at === "closed";
    this.#hear = undefined;
  }

  /** The control process that listened is gone: the next one knows nothing of what it was told. */
  loseListener(): void {
    this.#wasLeftIdle = false;
  }

  /** A client of this build comes. Undefined: it was refused, and may come again. */
  dial(buildId: string, onClose: () => void): string | undefined {
    if (!this.#isRunning) return undefined;
    const now = this.#stage.clock.now;
    const grant = this.#allowSet?.grants.get(buildId);
    const isFresh = this.#allowSet !== undefined && ageMs(this.#allowSet.confirmedAt, now) <= VIEW_MAX_AGE_MS;
    const isOpen = this.#allowSet?.admission.at === "open" && !this.#isShut && this.#servingNotAfterMs !== undefined;
    if (grant === undefined || now.wallMs >= grant.expiresAtMs || !isFresh || !isOpen) {
      this.#refused += 1;
      return undefined;
    }
    this.#accepted += 1;
    const sessionId = `${this.#runId}.${this.#accepted}`;
    const opening: SessionOpening = {
      sessionId,
      build: { orgId: grant.orgId, projectId: grant.projectId, buildId },
      peer: "192.0.2.7:50000",
      certificateSerial: "0A",
      keySpkiSha256: "aa".repeat(32),
      openedAtMs: now.wallMs,
    };
    this.#open.set(sessionId, { opening, openedMonoMs: now.monoMs, onClose });
    this.#stage.trace.note({ is: "session-opened", sessionId, buildId, isHeard: this.#hear !== undefined });
    this.#hear?.({ is: "opened", opening });
    if (!this.isBuildkitUp()) this.#close(sessionId, "buildkit-died", "buildkit-error");
    return sessionId;
  }

  hangUp(sessionId: string): void {
    this.#close(sessionId, "client", "client-closed");
  }

  loseBuildkit(by: "buildkit-stopped" | "buildkit-died"): void {
    for (const sessionId of this.#open.keys()) this.#close(sessionId, by, "buildkit-closed");
  }

  allow(allowSet: AllowSet): void {
    this.#allowSet = allowSet;
    this.#isShut = false;
    const { epoch, revision } = allowSet;
    this.#stage.trace.note({ is: "allow", epoch, revision, granted: new Set(allowSet.grants.keys()) });
    for (const [sessionId, { opening }] of this.#open) {
      const { buildId } = opening.build;
      if (allowSet.grants.has(buildId)) continue;
      this.#close(sessionId, "orders", allowSet.closed.get(buildId) === "revoked" ? "build-revoked" : "build-ended");
    }
    this.#expire();
    this.#hear?.({ is: "applied", revision, epoch });
  }

  confirm(at: Instant): void {
    if (this.#allowSet !== undefined) this.#allowSet = { ...this.#allowSet, confirmedAt: at };
  }

  certify(keySpkiSha256: string, chainPem: string): void {
    if (keySpkiSha256 !== this.#request.spkiSha256) return;
    const { notAfterMs } = readCertificate(chainPem);
    this.#servingNotAfterMs = notAfterMs;
    this.#hear?.({ is: "certified", notAfterMs });
    this.#stats();
  }

  rotateKey(): void {
    this.#request = this.#freshRequest();
    this.#hear?.({ is: "request", request: this.#request });
  }

  cutAll(): void {
    this.#isShut = true;
    const sessions = this.#open.size;
    for (const sessionId of this.#open.keys()) this.#close(sessionId, "cut-all", "drain-deadline");
    this.#hear?.({ is: "cut", sessions });
  }

  acknowledge(sessionIds: readonly string[]): void {
    for (const id of sessionIds) this.#closed.delete(id);
    this.#stage.trace.note({ is: "sessions-acknowledged", sessionIds });
  }

  #freshRequest(): SigningRequest {
    this.#keys += 1;
    return signingRequest(`${this.#runId}/${this.#keys}`);
  }

  #expire(): void {
    const { wallMs } = this.#stage.clock.now;
    for (const [sessionId, { opening }] of this.#open) {
      const grant = this.#allowSet?.grants.get(opening.build.buildId);
      if (grant !== undefined && wallMs >= grant.expiresAtMs) this.#close(sessionId, "expired", "grant-expired");
    }
  }

  #close(sessionId: string, by: SessionEnd, ending: SessionEnding): void {
    const session = this.#open.get(sessionId);
    if (session === undefined) return;
    this.#open.delete(sessionId);
    const { opening, openedMonoMs, onClose } = session;
    const { buildId } = opening.build;
    const isHeard = this.#hear !== undefined && by !== "gateway-died";
    this.#stage.trace.note({ is: "session-closed", sessionId, buildId, by, isHeard });
    onClose();
    if (by === "gateway-died") return;
    const summary: SessionSummary = {
      ...opening,
      durationMs: Math.round(this.#stage.clock.monoMs - openedMonoMs),
      bytesFromClient: 1_000,
      bytesToClient: 1_000,
      ending,
      detail: "",
    };
    this.#closed.set(sessionId, summary);
    if (this.#closed.size > MOST_RECORDS) {
      const [oldest] = this.#closed.keys();
      if (oldest !== undefined) this.#closed.delete(oldest);
      this.#dropped += 1;
      if (oldest !== undefined) this.#stage.trace.note({ is: "record-dropped", sessionId: oldest });
    }
    this.#hear?.({ is: "closed", summary });
  }

  #stats(): void {
    if (this.#hear === undefined) return;
    const stats: GatewayStats = {
      listening: this.#servingNotAfterMs !== undefined,
      refusedCalls: {},
      address: "127.0.0.1:8372",
      accepted: this.#accepted,
      refused: { "no-grant": this.#refused },
      pendingHandshakes: 0,
      openSessions: this.#open.size,
      bytesFromClients: 0,
      bytesToClients: 0,
      residentBytes: 60_000_000,
      eventLoopDelayP99Ms: 1,
      recordsDropped: this.#dropped,
      linkFaults: 0,
      logLinesDropped: 0,
      copiedSessions: 0,
      progress: [...this.#open.keys()].map((sessionId) => [sessionId, 500, 500] as const),
    };
    this.#hear({ is: "stats", stats });
  }
}
