import type { Socket } from "node:net";
import { AgentError } from "../core/errors.ts";
import { partingWords } from "../core/parting-words.ts";
import type { TurnedAway } from "../core/turned-away.ts";
import type { Clock } from "../ports/clock.ts";
import type { HandshakeBytes } from "../ports/handshake-bytes.ts";
import type { AnchorCa, PeerReader } from "../ports/peer-reader.ts";
import type { RuntimeGauges } from "../ports/runtime-gauges.ts";
import { Crowd } from "./crowd.ts";
import { HandshakeBudget } from "./handshake-budget.ts";
import { type HandshakeEvents, Handshakes } from "./handshakes.ts";
import type { GatewayLimits } from "./limits.ts";
import { Partings } from "./partings.ts";
import type { Policy } from "./policy.ts";
import { type Presented, presentedBy, type Secured } from "./presented.ts";
import type { Refusals } from "./refusals.ts";
import type { ServingCertificate } from "./serving.ts";
import { SessionRate } from "./session-rate.ts";
import type { Sessions } from "./sessions.ts";
import { tlsOptions } from "./tls-options.ts";
import { type Visitor, visitorOf } from "./visitor.ts";
import { WaitingRoom } from "./waiting-room.ts";

const NOT_YET = "no serving certificate or no trust bundle yet";

export interface ReceptionParts {
  readonly limits: GatewayLimits;
  readonly policy: Policy;
  readonly peers: PeerReader;
  readonly clock: Clock;
  readonly bytes: HandshakeBytes;
  readonly gauges: Pick<RuntimeGauges, "processorMs">;
  readonly refusals: Refusals;
  readonly sessions: Sessions;
  /** CLOCK_MONOTONIC, in milliseconds. */
  readonly startedMonoMs: number;
}

/**
 * Takes each connection from the door to a session or away. Every one that is turned away is
 * counted and logged once, and its socket is reset; a client whose certificate is good is told why
 * before. While a young gateway has no certificate to show yet, or no CA to ask for, clients wait
 * as pending handshakes, within those limits; an older one without turns all away at once.
 */
export class Reception {
  readonly #parts: ReceptionParts;
  readonly #crowd: Crowd<Visitor>;
  readonly #budget = new HandshakeBudget();
  readonly #handshakes: Handshakes;
  readonly #rate: SessionRate;
  readonly #partings = new Partings();
  readonly #waitingRoom: WaitingRoom<Visitor>;

  constructor(parts: ReceptionParts) {
    this.#parts = parts;
    this.#crowd = new Crowd(parts.limits);
    this.#rate = new SessionRate(parts.limits.maxSessionsPerBuildPerMinute);
    this.#waitingRoom = new WaitingRoom(parts.startedMonoMs, parts.clock, (visitor) => this.#unserved(visitor));
    const events: HandshakeEvents = {
      secured: (visitor, secured) => this.#secured(visitor, secured),
      failed: (visitor, reason, detail) => this.#unfinished(visitor, reason, detail),
    };
    this.#handshakes = new Handshakes({ ...parts, budget: this.#budget }, events);
  }

  get serving(): boolean {
    return this.#handshakes.ready;
  }

  get pendingHandshakes(): number {
    return this.#crowd.pendingHandshakes;
  }

  /**
   * From the next handshake on; those who wait for it begin. @throws {Error} OpenSSL's: what was in
   * use stays.
   */
  use(certificate: ServingCertificate, cas: readonly AnchorCa[]): void {
    this.#handshakes.use(tlsOptions(certificate, cas), cas);
    this.#waitingRoom.close();
  }

  /** How many wait until there is a certificate. */
  get waiting(): number {
    return this.#waitingRoom.size;
  }

  /** Those who are on their way out leave now. */
  close(): void {
    this.#waitingRoom.close();
    this.#partings.close();
  }

  arrive(raw: Socket): void {
    // A reset by the far side: "close" follows and is dealt with.
    raw.on("error", () => undefined);
    const visitor = visitorOf(raw);
    if (visitor === undefined) raw.destroy();
    else if (this.serving || this.#waitingRoom.enter(visitor)) this.#receive(visitor);
    else this.#turnAway(visitor, "not-serving-yet", NOT_YET);
  }

  #unserved(visitor: Visitor): void {
    this.#unfinished(visitor, "not-serving-yet", NOT_YET);
  }

  #receive(visitor: Visitor): void {
    const { limits, clock } = this.#parts;
    if (this.#budget.isBarred(visitor.source, clock.now().monoMs)) {
      this.#turnAway(visitor, "handshakes-too-costly", visitor.source);
      return;
    }
    const entry = this.#crowd.enter(visitor);
    if (!entry.admitted) {
      this.#turnAway(visitor, entry.because);
      return;
    }
    if (entry.displaced !== undefined)
      this.#turnAway(entry.displaced, "displaced-by-newer", "the oldest handshake of the busiest source made room");
    const deadline = setTimeout(() => {
      if (this.#waitingRoom.has(visitor)) this.#unserved(visitor);
      else this.#unfinished(visitor, "handshake-timeout");
    }, limits.handshakeTimeoutMs);
    visitor.raw.once("close", () => {
      clearTimeout(deadline);
      this.#handshakes.forget(visitor);
      this.#unfinished(visitor, "handshake-abandoned");
      this.#crowd.leave(visitor);
    });
    this.#handshakes.begin(visitor);
  }

  #unfinished(visitor: Visitor, reason: TurnedAway, detail = ""): void {
    if (this.#crowd.settle(visitor)) this.#turnAway(visitor, visitor.hasSpoken ? reason : "tcp-probe", detail);
  }

  /** Whether it is let in. */
  #secured(visitor: Visitor, secured: Secured): boolean {
    if (!this.#crowd.settle(visitor)) return false;
    const { policy, clock, sessions, peers } = this.#parts;
    const { socket, cas } = secured;
    const presented = this.#read(visitor, () => presentedBy(secured, peers, clock.now()));
    const judgement = presented && this.#read(visitor, () => policy.judge(presented, cas, clock.now()));
    if (judgement === undefined) return false;
    if (!judgement.admitted) {
      this.#part(visitor, secured, presented, judgement.refusal, judgement.detail);
      return false;
    }
    const { buildId } = judgement.grounds.build;
    const nowMs = clock.now().monoMs;
    if (this.#rate.take(buildId, nowMs)) {
      this.#budget.vouch(visitor.source, nowMs);
      sessions.begin(visitor, socket, judgement.grounds, judgement.until);
    } else this.#part(visitor, secured, presented, "too-many-sessions-of-build", buildId);
    return true;
  }

  /** Where TLS is done and the certificate is of CAs that still count, the client hears why. */
  #part(
    visitor: Visitor,
    { socket, cas }: Secured,
    presented: Presented | undefined,
    reason: TurnedAway,
    detail: string,
  ): void {
    const words = cas === this.#parts.policy.cas ? partingWords(reason, detail) : undefined;
    const [asker = ""] = presented?.facts.certificate?.uriSans ?? [];
    const legs = { raw: visitor.raw, client: socket };
    const isHeard = words !== undefined && this.#partings.begin(legs, words, asker, this.#parts.clock.now().monoMs);
    if (isHeard) this.#note(visitor, reason, detail, presented);
    else this.#turnAway(visitor, reason, detail, presented);
  }

  /**
   * Whatever a stranger's certificate makes the reader do, it ends in a refusal of that stranger.
   */
  #read<T>(visitor: Visitor, reading: () => T): T | undefined {
    try {
      return reading();
    } catch (failure) {
      const cause = failure instanceof AgentError ? (failure.cause ?? failure) : failure;
      this.#turnAway(visitor, "certificate-unreadable", String(cause));
      return undefined;
    }
  }

  #turnAway(visitor: Visitor, reason: TurnedAway, detail = "", presented?: Presented): void {
    this.#note(visitor, reason, detail, presented);
    if (!visitor.raw.destroyed) visitor.raw.resetAndDestroy();
  }

  #note({ peer }: Visitor, reason: TurnedAway, detail: string, presented: Presented | undefined): void {
    this.#parts.refusals.note(reason, peer, detail, presented?.facts.certificate);
  }
}
