/**
 * A handshake of an honest client takes 1 to 3 ms of the processor, in two steps (measured). What
 * one step takes beyond this is dear: it counts against its source.
 */
const ORDINARY_MS = 8;

/**
 * On a slow machine, one that is emulated for instance, more is ordinary: so many times what the
 * last step took of clients that were let in, which no stranger can be. As long as nobody was let
 * in, nobody is there whom a stranger could stall.
 */
const ORDINARY_TIMES = 3;
const ORDINARY_AT_MOST_MS = 1_000;
/** Of as many of the last ones that were let in the middle one counts: a first one is slow. */
const LEARNT_FROM = 9;

/** After a dear step no handshake is worked on for so many times what it took. */
const REST_TIMES = 4;

/**
 * As much dear time may come at once from one source: two or three of the dearest handshakes. It
 * comes back at a twentieth of the time, which is more than garbage collection ever adds, and some
 * with each client that is let in: pauses of a busy host meet whoever makes many handshakes.
 */
const EXCESS_MS = 150;
const EXCESS_BACK = 0.05;
const EXCESS_BACK_LET_IN_MS = 5;
/**
 * What one step may count. A client's bytes cause no more (docs/decisions/0037): what takes longer
 * was a pause of the host, which is no reason to turn anybody away.
 */
const EXCESS_OF_ONE_MS = 100;

/** How long a source that has used it up is turned away: longer each time, up to the last. */
const FIRST_BAR_MS = 5_000;
const LAST_BAR_MS = 10 * 60_000;
/** A source that gave no offence for so long begins anew. */
const FORGIVEN_AFTER_MS = 60 * 60_000;

/**
 * All that handshakes of sources without a good one may take together: as much at once, and a
 * quarter of the time.
 */
const STRANGERS_MS = 100;
const STRANGERS_BACK = 0.25;

/** How long one good handshake speaks for its source. */
const KNOWN_FOR_MS = 24 * 60 * 60_000;

/** Sources that are remembered, of each kind. The one that was heard of longest ago goes first. */
const MOST_SOURCES = 4_096;

interface Offence {
  excessMs: number;
  atMs: number;
  bars: number;
  barredUntilMs: number;
}

/**
 * Who may have a handshake now, by the time that earlier ones took. That cannot be known before, so
 * it is measured and charged after. All times are monotonic milliseconds.
 */
export class HandshakeBudget {
  readonly #offences = new Map<string, Offence>();
  readonly #knownUntilMs = new Map<string, number>();
  #strangersMs = STRANGERS_MS;
  #strangersAtMs = 0;
  #restUntilMs = 0;
  /** What the last step took of those who were let in, the latest last. */
  readonly #letInMs: number[] = [];

  /** Its handshakes were dear: it is turned away. */
  isBarred(source: string, monoMs: number): boolean {
    return (this.#offences.get(source)?.barredUntilMs ?? 0) > monoMs;
  }

  /** It has had a good handshake lately. */
  isKnown(source: string, monoMs: number): boolean {
    return (this.#knownUntilMs.get(source) ?? 0) > monoMs;
  }

  /** A dear step has just been: the thread is the sessions'. */
  isResting(monoMs: number): boolean {
    return monoMs < this.#restUntilMs;
  }

  /** Whether one of a source that is not known may be worked on now. */
  strangersMay(monoMs: number): boolean {
    return this.#strangersLeft(monoMs) > 0;
  }

  /** A build of this source was let in. */
  vouch(source: string, monoMs: number): void {
    remember(this.#knownUntilMs, source, monoMs + KNOWN_FOR_MS);
    const offence = this.#offences.get(source);
    if (offence !== undefined) offence.excessMs = Math.max(0, offence.excessMs - EXCESS_BACK_LET_IN_MS);
  }

  /** The last step of a handshake took `costMs`, and its client was let in. */
  learn(costMs: number): void {
    this.#letInMs.push(costMs);
    if (this.#letInMs.length > LEARNT_FROM) this.#letInMs.shift();
  }

  get #ordinaryMs(): number {
    if (this.#letInMs.length === 0) return ORDINARY_AT_MOST_MS;
    const sorted = this.#letInMs.toSorted((one, other) => one - other);
    const middle = sorted[Math.floor((sorted.length - 1) / 2)] ?? 0;
    return Math.max(ORDINARY_MS, Math.min(ORDINARY_AT_MOST_MS, middle * ORDINARY_TIMES));
  }

  /** A step of a handshake of this source took `costMs` of the processor. */
  charge(source: string, costMs: number, monoMs: number): void {
    if (!this.isKnown(source, monoMs)) {
      this.#strangersMs = this.#strangersLeft(monoMs) - costMs;
      this.#strangersAtMs = monoMs;
    }
    // Nothing less is ever dear: nearly every step is that cheap.
    if (costMs <= ORDINARY_MS) return;
    const excessMs = costMs - this.#ordinaryMs;
    if (excessMs <= 0) return;
    this.#restUntilMs = monoMs + REST_TIMES * costMs;
    this.blame(source, Math.min(excessMs, EXCESS_OF_ONE_MS), monoMs);
  }

  #strangersLeft(monoMs: number): number {
    return Math.min(STRANGERS_MS, this.#strangersMs + (monoMs - this.#strangersAtMs) * STRANGERS_BACK);
  }

  /** Counts `excessMs` against a source: what it took, or would have taken. */
  blame(source: string, excessMs: number, monoMs: number): void {
    const before = this.#offences.get(source);
    const recent = before !== undefined && monoMs - before.atMs < FORGIVEN_AFTER_MS ? before : undefined;
    const left = recent === undefined ? 0 : Math.max(0, recent.excessMs - (monoMs - recent.atMs) * EXCESS_BACK);
    const offence = {
      excessMs: left + excessMs,
      atMs: monoMs,
      bars: recent?.bars ?? 0,
      barredUntilMs: recent?.barredUntilMs ?? 0,
    };
    if (offence.excessMs >= EXCESS_MS) {
      offence.barredUntilMs = monoMs + Math.min(LAST_BAR_MS, FIRST_BAR_MS * 2 ** offence.bars);
      offence.bars += 1;
      offence.excessMs = 0;
    }
    remember(this.#offences, source, offence);
  }
}

function remember<T>(map: Map<string, T>, source: string, value: T): void {
  map.delete(source);
  map.set(source, value);
  const [oldest] = map.keys();
  if (map.size > MOST_SOURCES && oldest !== undefined) map.delete(oldest);
}
