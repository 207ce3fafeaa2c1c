import type { Fact, Moment } from "../facts.ts";
import type { Invariant } from "../trace.ts";

/**
 * The contract: unacknowledged records are sent again after 30 s. Half as much again for what
 * stands in between.
 */
const SENT_AGAIN_MS = 45_000;

interface Session {
  /** Known to the control process that runs now. */
  isHeard: boolean;
  isClosed: boolean;
  /** Its gateway's process is gone, and with it what it remembered. */
  isOrphan: boolean;
  isAcknowledged: boolean;
  onDisk: "no" | "opened" | "closed";
  /** Nobody who still lives could have recorded it. */
  isExcused: boolean;
  /** Under which number the control plane stored it. */
  storedAs: string | undefined;
}

/**
 * A session is excused only if its gateway died before control had it on disk, and no control
 * process that knew of it lives: memory that is gone cannot be recorded.
 */
export class SessionsAreRecordedOnce implements Invariant {
  readonly name = "sessions-are-recorded-once";
  readonly promise = "Every session is recorded and delivered exactly once";
  readonly #sessions = new Map<string, Session>();
  readonly #stored = new Map<string, string>();
  readonly #sentMonoMs = new Map<string, number>();

  note(fact: Fact, now: Moment): string | undefined {
    switch (fact.is) {
      case "session-opened":
        this.#session(fact.sessionId).isHeard = fact.isHeard;
        return undefined;
      case "session-closed":
        this.#close(fact.sessionId, fact.by === "gateway-died");
        return undefined;
      case "sessions-told":
        for (const id of [...fact.open, ...fact.closed]) this.#session(id).isHeard = true;
        return undefined;
      case "gateway-started":
        this.#loseGateway();
        return undefined;
      case "control-killed":
      case "control-ended":
      case "control-failed":
        this.#loseControl();
        return undefined;
      case "sessions-acknowledged":
        return this.#acknowledge(fact.sessionIds);
      case "record-on-disk":
        this.#session(fact.sessionId).onDisk = fact.what;
        return undefined;
      case "record-dropped":
        this.#session(fact.sessionId).isExcused = true;
        return undefined;
      case "record-delivered":
        return this.#deliver(`${fact.bootId}/${fact.sequence}`, fact.sessionId);
      case "record-sent":
        this.#send(`${fact.bootId}/${fact.sequence}`, now);
        return undefined;
      case "record-acknowledged":
        for (const number of this.#sentMonoMs.keys()) {
          const [bootId, sequence] = number.split("/");
          if (bootId === fact.bootId && BigInt(sequence ?? 0) <= fact.upTo) this.#sentMonoMs.delete(number);
        }
        return undefined;
      case "detached":
        this.#sentMonoMs.clear();
        return undefined;
      case "second":
        return this.#unsent(now);
      case "settled":
        return this.#undelivered();
      default:
        return undefined;
    }
  }

  #session(id: string): Session {
    const known = this.#sessions.get(id);
    if (known !== undefined) return known;
    const session: Session = {
      isHeard: false,
      isClosed: false,
      isOrphan: false,
      isAcknowledged: false,
      onDisk: "no",
      isExcused: false,
      storedAs: undefined,
    };
    this.#sessions.set(id, session);
    return session;
  }

  #close(id: string, byItsGateway: boolean): void {
    const session = this.#session(id);
    session.isClosed = true;
    if (byItsGateway) session.isOrphan = true;
  }

  #loseGateway(): void {
    for (const session of this.#sessions.values()) {
      if (!session.isAcknowledged) session.isOrphan = true;
      this.#excuse(session);
    }
  }

  #loseControl(): void {
    for (const session of this.#sessions.values()) {
      session.isHeard = false;
      this.#excuse(session);
    }
    this.#sentMonoMs.clear();
  }

  #excuse(session: Session): void {
    if (session.isOrphan && !session.isHeard && session.onDisk === "no") session.isExcused = true;
  }

  #acknowledge(ids: readonly string[]): string | undefined {
    for (const id of ids) {
      const session = this.#session(id);
      session.isAcknowledged = true;
      if (session.onDisk !== "closed") return `The gateway was told to forget ${id}, whose record is not on disk`;
    }
    return undefined;
  }

  #deliver(number: string, id: string): string | undefined {
    const other = this.#stored.get(number);
    if (other !== undefined && other !== id) return `${number} was given to ${other} and to ${id}`;
    const session = this.#session(id);
    const before = session.storedAs;
    if (before !== undefined && before !== number) return `${id} was delivered as ${before} and as ${number}`;
    this.#stored.set(number, id);
    session.storedAs = number;
    return undefined;
  }

  /** The longest ago stands first. */
  #send(number: string, { monoMs }: Moment): void {
    this.#sentMonoMs.delete(number);
    this.#sentMonoMs.set(number, monoMs);
  }

  #unsent(now: Moment): string | undefined {
    const [oldest] = this.#sentMonoMs;
    if (oldest === undefined || now.monoMs - oldest[1] <= SENT_AGAIN_MS) return undefined;
    return `${oldest[0]} was not acknowledged, and not sent again within ${SENT_AGAIN_MS / 1_000} s on a live stream`;
  }

  #undelivered(): string | undefined {
    for (const [id, { isClosed, isExcused, storedAs, onDisk }] of this.#sessions) {
      if (isClosed && !isExcused && storedAs === undefined) return `${id} was never delivered; on disk: ${onDisk}`;
    }
    return undefined;
  }
}
