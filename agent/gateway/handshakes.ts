import { createServer, type Server, type TLSSocket, type TlsOptions } from "node:tls";
import type { TurnedAway } from "../core/turned-away.ts";
import type { Clock } from "../ports/clock.ts";
import type { HandshakeBytes } from "../ports/handshake-bytes.ts";
import type { AnchorCa, ClientFlight } from "../ports/peer-reader.ts";
import type { RuntimeGauges } from "../ports/runtime-gauges.ts";
import { firstRecord } from "./first-record.ts";
import type { HandshakeBudget } from "./handshake-budget.ts";
import { handshakeFailure } from "./handshake-failure.ts";
import type { Secured } from "./presented.ts";
import { SecondHellos } from "./second-hellos.ts";
import type { Visitor } from "./visitor.ts";

export interface HandshakeEvents {
  /**
   * The handshake is done, its chain verified against `cas`; nothing has been judged. Whether it is
   * let in.
   */
  secured(visitor: Visitor, secured: Secured): boolean;
  /** It will never be done. The visitor's socket is still to be closed. */
  failed(visitor: Visitor, reason: TurnedAway, detail: string): void;
}

export interface HandshakeParts {
  readonly clock: Clock;
  readonly bytes: HandshakeBytes;
  readonly gauges: Pick<RuntimeGauges, "processorMs">;
  readonly budget: HandshakeBudget;
}

/**
 * As much as a client may send until its handshake is done: its hello (up to 2 KB), its chain and
 * its proofs. Three certificates of RSA-4096 are 6 KB. OpenSSL takes a chain of 100 KB, and most of
 * a second for the dearest; of what fits here, a tenth of a second.
 */
const MOST_BYTES = 12 * 1024;

/** What more than that counts, though nobody has worked on it: about what it would have taken. */
const TOO_LARGE_MS = 50;

/**
 * How long until a client is looked at again for the rest of its handshake: at first as often as
 * timers allow, later after an eighth of the time that it has taken, so that nobody waits much
 * longer than the network made them.
 */
const LOOK_AFTER_MS = 1;
const LOOK_AT_LEAST_EVERY_MS = 100;
const LOOK_AFTER_SHARE = 1 / 8;

const NONE = new Uint8Array();
const SPACE = 0x20;

/** A line of the key log: label, random, secret, in hex. This is the label that counts. */
const CLIENT_SECRET = Buffer.from("CLIENT_HANDSHAKE_TRAFFIC_SECRET ");

/** When a budget that was used up is asked again. */
const ASK_AGAIN_MS = 10;

interface Elapsed {
  readonly monoMs: number;
  readonly processorMs: number;
}

/** One on its way through a handshake. */
interface Guest {
  readonly visitor: Visitor;
  readonly sinceMs: number;
  takenBytes: number;
  /** What OpenSSL is to be given next. Of a hello only its length is used. */
  bytes: Uint8Array;
  socket: TLSSocket | undefined;
  /** The key log's line of its handshake traffic, to read what Node does not tell. */
  secret: Uint8Array;
  readonly records: Uint8Array[];
  lookAtMs: number;
  wasLetIn: boolean;
}

/**
 * Runs TLS handshakes on sockets that were accepted elsewhere, a piece of one in each turn of the
 * event loop: between two pieces every open session is served. Who is next and who may not is the
 * budget's business; what a piece took is charged to its source.
 *
 * Each change of certificate or CAs makes a new server object: handshakes that have begun finish
 * with what they began with, sessions are not touched, and no option can be forgotten.
 */
export class Handshakes {
  readonly #events: HandshakeEvents;
  readonly #clock: Clock;
  readonly #bytes: HandshakeBytes;
  readonly #gauges: HandshakeParts["gauges"];
  readonly #budget: HandshakeBudget;
  /** Those whose handshake is not over. */
  readonly #guests = new Map<Visitor, Guest>();
  readonly #bySocket = new WeakMap<TLSSocket, Guest>();
  /** Their next piece is here. In the order in which it came. */
  readonly #ready = new Set<Guest>();
  /** Their next piece is still on its way. */
  readonly #awaited = new Set<Guest>();
  /** Whose bytes OpenSSL has just now. */
  #served: Guest | undefined;
  readonly #second = new SecondHellos<Guest>(
    (guest) => this.#bytes.release(guest.visitor.raw),
    (guest) => this.#fail(guest, "handshake-timeout", "no second hello"),
  );
  #server: Server | undefined;
  #timer: NodeJS.Timeout | undefined;
  #turning = false;

  constructor({ clock, bytes, gauges, budget }: HandshakeParts, events: HandshakeEvents) {
    this.#clock = clock;
    this.#bytes = bytes;
    this.#gauges = gauges;
    this.#budget = budget;
    this.#events = events;
  }

  get ready(): boolean {
    return this.#server !== undefined;
  }

  /** @throws {Error} OpenSSL's, if a certificate, key or CA does not fit: what was in use stays. */
  use(options: TlsOptions, cas: readonly AnchorCa[]): void {
    const server = createServer(options);
    // The first that is heard of a TLS socket.
    server.on("keylog", (line, socket) => this.#greeted(socket, line));
    server.on("secureConnection", (socket) => {
      // Node emits nothing more of a socket without a listener but the end of the process.
      socket.on("error", () => undefined);
      const guest = this.#bySocket.get(socket);
      if (guest === undefined || !this.#leave(guest)) socket.destroy();
      else {
        const flight = (): ClientFlight => flightOf(guest, socket);
        guest.wasLetIn = this.#events.secured(guest.visitor, { socket, cas, flight });
        letGo(guest);
      }
    });
    server.on("tlsClientError", (error, socket) => {
      const guest = this.#bySocket.get(socket) ?? this.#served ?? this.#second.present;
      const { reason, detail } = handshakeFailure(error);
      if (guest === undefined) socket.destroy();
      else this.#fail(guest, reason, detail);
    });
    this.#server = server;
    if (this.#ready.size > 0) this.#again();
  }

  /** Takes `visitor` in hand once it has said hello, and there is a certificate to show. */
  begin(visitor: Visitor): void {
    const sinceMs = this.#clock.now().monoMs;
    const nothing = { bytes: NONE, secret: NONE, records: [], socket: undefined };
    const guest: Guest = { visitor, sinceMs, takenBytes: 0, lookAtMs: 0, wasLetIn: false, ...nothing };
    this.#guests.set(visitor, guest);
    firstRecord(visitor, this.#bytes, MOST_BYTES, (bytes) => {
      guest.takenBytes = bytes;
      if (bytes > MOST_BYTES) this.#failAsTooLarge(guest);
      else this.#queue(guest);
    });
  }

  /** Harmless for one whose handshake is over. */
  forget(visitor: Visitor): void {
    const guest = this.#guests.get(visitor);
    if (guest !== undefined) this.#leave(guest);
  }

  #leave(guest: Guest): boolean {
    this.#ready.delete(guest);
    this.#awaited.delete(guest);
    this.#second.remove(guest);
    return this.#guests.delete(guest.visitor);
  }

  #fail(guest: Guest, reason: TurnedAway, detail: string): void {
    if (this.#leave(guest)) this.#events.failed(guest.visitor, reason, detail);
  }

  #failAsTooLarge(guest: Guest): void {
    this.#budget.blame(guest.visitor.source, TOO_LARGE_MS, this.#clock.now().monoMs);
    this.#fail(guest, "handshake-too-large", `more than ${MOST_BYTES} bytes`);
  }

  #queue(guest: Guest): void {
    this.#ready.add(guest);
    this.#again();
  }

  #await(guest: Guest): void {
    const nowMs = this.#clock.now().monoMs;
    const afterMs = Math.max(LOOK_AFTER_MS, (nowMs - guest.sinceMs) * LOOK_AFTER_SHARE);
    guest.lookAtMs = nowMs + Math.min(afterMs, LOOK_AT_LEAST_EVERY_MS);
    this.#awaited.add(guest);
  }

  #again(): void {
    if (this.#turning) return;
    this.#turning = true;
    clearTimeout(this.#timer);
    setImmediate(this.#turn);
  }

  readonly #turn = (): void => {
    this.#turning = false;
    const nowMs = this.#clock.now().monoMs;
    for (const guest of this.#awaited) if (guest.lookAtMs <= nowMs) this.#look(guest);
    const next = this.#next(nowMs);
    if (next !== undefined) this.#serve(next);
    if (next !== undefined && this.#ready.size > 0) this.#again();
    else this.#rest(nowMs);
  };

  /** Until the next one is to be looked at. */
  #rest(nowMs: number): void {
    clearTimeout(this.#timer);
    const dues = Array.from(this.#awaited, ({ lookAtMs }) => lookAtMs - nowMs);
    if (this.ready && this.#ready.size > 0) dues.push(ASK_AGAIN_MS);
    if (dues.length > 0) this.#timer = setTimeout(this.#turn, Math.min(...dues));
  }

  #look(guest: Guest): void {
    const read = this.#bytes.read(guest.visitor.raw, MOST_BYTES - guest.takenBytes);
    if (read === "nothing") {
      this.#await(guest);
      return;
    }
    this.#awaited.delete(guest);
    if (read === "end") {
      this.#fail(guest, "handshake-abandoned", "");
      return;
    }
    guest.takenBytes += read.length;
    guest.bytes = read;
    guest.records.push(read);
    this.#ready.add(guest);
  }

  /**
   * Known sources first, in the order in which they came. Of strangers, if they may, the one that
   * has sent least: a long chain is what costs.
   */
  #next(nowMs: number): Guest | undefined {
    if (!this.ready || this.#budget.isResting(nowMs)) return undefined;
    let least: Guest | undefined;
    for (const guest of this.#ready) {
      const { source } = guest.visitor;
      if (this.#budget.isBarred(source, nowMs)) this.#fail(guest, "handshakes-too-costly", source);
      else if (this.#budget.isKnown(source, nowMs)) return guest;
      else if (least === undefined || guest.takenBytes < least.takenBytes) least = guest;
    }
    return this.#budget.strangersMay(nowMs) ? least : undefined;
  }

  #serve(guest: Guest): void {
    const began = this.#elapsed();
    const { raw } = guest.visitor;
    this.#ready.delete(guest);
    this.#served = guest;
    if (guest.socket === undefined) {
      // The documented way to hand a socket to a server that did not accept it. Node gives OpenSSL
      // what was read before, in the next tick.
      this.#server?.emit("connection", raw);
      process.nextTick(() => this.#hasServed(guest, began));
      return;
    }
    this.#bytes.give(guest.socket, guest.bytes);
    this.#hasServed(guest, began);
  }

  #elapsed(): Elapsed {
    return { monoMs: this.#clock.now().monoMs, processorMs: this.#gauges.processorMs() };
  }

  /**
   * What it took is the less of two: a build beside us takes time from both of us, and threads of
   * Node's own take processor time.
   */
  #hasServed(guest: Guest, began: Elapsed): void {
    const { raw, source } = guest.visitor;
    const { monoMs: nowMs, processorMs } = this.#elapsed();
    this.#served = undefined;
    const costMs = Math.min(nowMs - began.monoMs, processorMs - began.processorMs);
    if (guest.wasLetIn) this.#budget.learn(costMs);
    this.#budget.charge(source, costMs, nowMs);
    if (!this.#guests.has(guest.visitor)) {
      if (guest.socket?.destroyed === false) this.#bytes.release(raw);
    } else if (guest.socket === undefined) {
      this.#bytes.hold(raw);
      this.#second.add(guest);
    } else if (guest.takenBytes >= MOST_BYTES) this.#failAsTooLarge(guest);
    else {
      this.#bytes.hold(raw);
      this.#await(guest);
      if (!this.#turning) this.#rest(nowMs);
    }
  }

  /** OpenSSL has the client's hello, and has answered. */
  #greeted(socket: TLSSocket, line: Buffer): void {
    const guest = this.#bySocket.get(socket) ?? this.#served ?? this.#second.present;
    if (guest === undefined) return;
    if (line.compare(CLIENT_SECRET, 0, CLIENT_SECRET.length, 0, CLIENT_SECRET.length) === 0) guest.secret = line;
    if (this.#bySocket.has(socket)) return;
    this.#bySocket.set(socket, guest);
    guest.socket = socket;
    if (!this.#second.has(guest)) return;
    this.#bytes.hold(guest.visitor.raw);
    this.#second.remove(guest);
    this.#await(guest);
    this.#again();
  }
}

function flightOf({ records, secret: line }: Guest, socket: TLSSocket): ClientFlight {
  const hex = Buffer.from(line).toString("latin1", line.lastIndexOf(SPACE) + 1);
  return { records: Buffer.concat(records), suite: socket.getCipher().name, secret: Buffer.from(hex, "hex") };
}

/** Its socket leads to it for as long as that is open: what it has sent need not stay. */
function letGo(guest: Guest): void {
  guest.bytes = guest.secret = NONE;
  guest.records.length = 0;
}
