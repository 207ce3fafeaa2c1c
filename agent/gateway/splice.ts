import { connect, type Socket } from "node:net";
import type { TLSSocket } from "node:tls";
import type { SessionEnding } from "../core/session.ts";
import type { CallGuard, GuardMaker } from "./calls/call-guard.ts";
import { Gather } from "./gather.ts";
import { Unsound } from "./http2/unsound.ts";

/** A unix socket takes a connection at once or never. */
const CONNECT_WITHIN_MS = 5_000;

/** After one side has ended, the other may go on for as long as bytes move at least this often. */
const LINGER_MS = 30_000;

/**
 * As much as one read from BuildKit brings: little until a read was full, for most sessions are
 * silent most of the time; then four TLS records.
 */
const IDLE_DOWN_BYTES = 4 * 1024;
const BUSY_DOWN_BYTES = 64 * 1024;

/**
 * As much is copied, which costs less than to stop reading until it is written. More is written
 * from where it was read to.
 */
const COPIED_BYTES = IDLE_DOWN_BYTES;

/**
 * As much as may wait for BuildKit before the client is no longer read, and the other way round.
 */
const UP_BACKLOG_BYTES = 256 * 1024;
const DOWN_BACKLOG_BYTES = 256 * 1024;

export interface Legs {
  readonly client: TLSSocket;
  /** Under the TLS. */
  readonly raw: Socket;
  readonly buildkitSocket: string;
  /** Judges what passes. Absent: bytes pass as they are. */
  readonly guard?: GuardMaker | undefined;
}

export interface SpliceEnding {
  readonly ending: SessionEnding;
  readonly detail: string;
}

/**
 * Carries bytes between a client and BuildKit, as they are, in both directions, with back-pressure.
 * It owns both legs. The first cause of an ending is the one that is told, once both legs are
 * closed.
 */
export class Splice {
  bytesFromClient = 0;
  bytesToClient = 0;
  readonly #client: TLSSocket;
  readonly #raw: Socket;
  readonly #leg: Socket;
  readonly #gather: Gather;
  readonly #guard: CallGuard | undefined;
  readonly #onOver: (ending: SpliceEnding) => void;
  #downBuffer = Buffer.allocUnsafeSlow(IDLE_DOWN_BYTES);
  #open = 2;
  #ending: SpliceEnding | undefined;
  #deadline: NodeJS.Timeout | undefined;

  constructor(legs: Legs, onOver: (ending: SpliceEnding) => void) {
    this.#client = legs.client;
    // Only now: a client that ends its side within the handshake has left.
    this.#client.allowHalfOpen = true;
    this.#raw = legs.raw;
    this.#onOver = onOver;
    this.#leg = connect({
      path: legs.buildkitSocket,
      allowHalfOpen: true,
      onread: { buffer: () => this.#downBuffer, callback: (bytes, buffer) => this.#down(bytes, buffer) },
    });
    this.#gather = new Gather(this.#leg);
    this.#guard = legs.guard?.({
      toBuildkit: (bytes) => this.#gather.add(bytes),
      toClient: (bytes) => void this.#client.write(bytes, this.#written),
    });
    this.#deadline = setTimeout(() => this.cut("buildkit-error", "no connection within 5 s"), CONNECT_WITHIN_MS);
    this.#leg.once("connect", () => this.#flow());
    this.#leg.on("drain", () => this.#client.resume());
    this.#watch(this.#client, this.#leg, "client-closed", "client-error");
    this.#watch(this.#leg, this.#client, "buildkit-closed", "buildkit-error");
  }

  /** Calls so far that its build might not make. */
  get refusedCalls(): number {
    return this.#guard?.refusals ?? 0;
  }

  /**
   * Closes both legs now: when this returns, no further byte is given to either. Towards the client
   * the connection is reset, so that what the kernel still holds is thrown away too.
   */
  cut(ending: SessionEnding, detail: string): void {
    this.#ending ??= { ending, detail };
    clearTimeout(this.#deadline);
    // A reset in the middle of an orderly shutdown is refused by libuv, and would leave the socket
    // open.
    const { writableEnded, writableFinished, writableLength } = this.#client;
    const shuttingDown = writableEnded && !writableFinished && writableLength === 0;
    if (!shuttingDown && !this.#raw.destroyed) this.#raw.resetAndDestroy();
    this.#client.destroy();
    this.#leg.destroy();
  }

  #flow(): void {
    clearTimeout(this.#deadline);
    this.#client.on("data", (chunk: Buffer) => this.#up(chunk));
    this.#leg.resume();
  }

  /**
   * What BuildKit no longer takes is dropped: its own last bytes are still on their way to the
   * client.
   */
  #up(chunk: Buffer): void {
    if (!this.#leg.writable) return;
    this.bytesFromClient += chunk.length;
    if (this.#guard === undefined) this.#gather.add(chunk);
    else this.#judge(this.#guard, chunk);
    if (this.#leg.writableLength >= UP_BACKLOG_BYTES) this.#client.pause();
  }

  #judge(guard: CallGuard, chunk: Buffer): void {
    try {
      guard.fromClient(chunk);
    } catch (failure) {
      if (!(failure instanceof Unsound)) throw failure;
      this.cut("client-error", `not passed to BuildKit: ${failure.message}`);
    }
  }

  /** False: stop reading. */
  #down(bytes: number, buffer: Uint8Array): boolean {
    this.bytesToClient += bytes;
    if (bytes === buffer.length && bytes < BUSY_DOWN_BYTES) this.#downBuffer = Buffer.allocUnsafeSlow(BUSY_DOWN_BYTES);
    const read = buffer.subarray(0, bytes);
    const small = bytes <= COPIED_BYTES;
    const passed = small ? Buffer.from(read) : Buffer.from(read.buffer, read.byteOffset, bytes);
    if (this.#guard === undefined) this.#client.write(passed, this.#written);
    else this.#guard.fromBuildkit(passed);
    return small && this.#client.writableLength < DOWN_BACKLOG_BYTES;
  }

  /** The one buffer may be read into again when no write can hold a part of it any more. */
  readonly #written = (): void => {
    if (this.#client.writableLength === 0) this.#leg.resume();
  };

  #watch(from: Socket, to: Socket, closed: SessionEnding, failed: SessionEnding): void {
    from.on("end", () => {
      this.#ending ??= { ending: closed, detail: "" };
      if (to === this.#leg) this.#gather.send();
      to.end();
      this.#linger();
    });
    from.on("error", (error: NodeJS.ErrnoException) => {
      // BuildKit has said its last and hung up: that it does not listen either must not cost the
      // client those bytes.
      if (from !== this.#leg || !from.readableEnded) this.cut(failed, error.code ?? error.message);
    });
    from.on("close", () => {
      this.#open -= 1;
      if (this.#open === 0) this.#over();
      else if (!from.readableEnded) this.cut(failed, "closed without an end");
    });
  }

  #linger(): void {
    clearTimeout(this.#deadline);
    const carried = this.bytesFromClient + this.bytesToClient;
    this.#deadline = setTimeout(() => {
      if (carried === this.bytesFromClient + this.bytesToClient)
        this.cut("client-error", "one side ended, and the other fell silent");
      else this.#linger();
    }, LINGER_MS);
  }

  #over(): void {
    clearTimeout(this.#deadline);
    this.#onOver(this.#ending ?? { ending: "client-closed", detail: "" });
  }
}
