import { connect, type Socket } from "node:net";
import type { TLSSocket } from "node:tls";
import type { SessionEnding } from "../core/session.ts";
import type { OwnBuffers } from "../ports/own-buffers.ts";
import type { CallGuard, GuardMaker } from "./calls/call-guard.ts";
import { Downward, Upward } from "./fast-path.ts";
import { Unsound } from "./http2/unsound.ts";

/** A unix socket takes a connection at once or never. */
const CONNECT_WITHIN_MS = 5_000;

/** After one side has ended, the other may go on for as long as bytes move at least this often. */
const LINGER_MS = 30_000;

export interface Legs {
  readonly client: TLSSocket;
  /** Under the TLS. */
  readonly raw: Socket;
  readonly buildkitSocket: string;
  readonly buffers: OwnBuffers;
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
  readonly #client: TLSSocket;
  readonly #raw: Socket;
  readonly #leg: Socket;
  readonly #up: Upward;
  readonly #down: Downward;
  readonly #guard: CallGuard | undefined;
  readonly #onOver: (ending: SpliceEnding) => void;
  #open = 2;
  #ending: SpliceEnding | undefined;
  #deadline: NodeJS.Timeout | undefined;

  constructor(legs: Legs, onOver: (ending: SpliceEnding) => void) {
    this.#client = legs.client;
    // Only now: a client that ends its side within the handshake has left.
    this.#client.allowHalfOpen = true;
    this.#raw = legs.raw;
    this.#onOver = onOver;
    this.#down = new Downward(
      legs.client,
      (bytes) => (this.#guard === undefined ? this.#down.add(bytes) : this.#guard.fromBuildkit(bytes)),
      () => this.#leg.resume(),
    );
    this.#leg = connect({
      path: legs.buildkitSocket,
      allowHalfOpen: true,
      onread: { buffer: this.#down.room, callback: this.#down.took },
    });
    this.#up = new Upward(this.#leg, (bytes) => this.#judge(bytes));
    this.#guard = legs.guard?.({
      toBuildkit: (bytes) => this.#up.add(bytes),
      toClient: (bytes) => this.#down.add(bytes),
    });
    this.#deadline = setTimeout(() => this.cut("buildkit-error", "no connection within 5 s"), CONNECT_WITHIN_MS);
    this.#leg.once("connect", () => this.#flow(legs.buffers));
    this.#leg.on("drain", () => {
      this.#up.drained();
      this.#client.resume();
    });
    this.#watch(this.#client, this.#leg, "client-closed", "client-error");
    this.#watch(this.#leg, this.#client, "buildkit-closed", "buildkit-error");
  }

  get bytesFromClient(): number {
    return this.#up.bytes;
  }

  get bytesToClient(): number {
    return this.#down.bytes;
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

  #flow(buffers: OwnBuffers): void {
    clearTimeout(this.#deadline);
    const early: unknown = this.#client.read();
    if (Buffer.isBuffer(early)) this.#up.copy(early);
    if (!buffers.read(this.#client, this.#up))
      this.#client.on("data", (chunk: Buffer) => {
        if (!this.#up.copy(chunk)) this.#client.pause();
      });
    this.#client.resume();
    this.#leg.resume();
  }

  #judge(bytes: Buffer): void {
    if (this.#guard === undefined) {
      this.#up.add(bytes);
      return;
    }
    try {
      this.#guard.fromClient(bytes);
    } catch (failure) {
      if (!(failure instanceof Unsound)) throw failure;
      this.cut("client-error", `not passed to BuildKit: ${failure.message}`);
    }
  }

  #watch(from: Socket, to: Socket, closed: SessionEnding, failed: SessionEnding): void {
    from.on("end", () => {
      this.#ending ??= { ending: closed, detail: "" };
      if (to === this.#leg) this.#up.send();
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
    this.#up.close();
    this.#down.close();
    this.#onOver(this.#ending ?? { ending: "client-closed", detail: "" });
  }
}
