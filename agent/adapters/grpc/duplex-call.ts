import { getDefaultHighWaterMark, setDefaultHighWaterMark } from "node:stream";
import { type ClientDuplexStream, Metadata, status } from "@grpc/grpc-js";
import { PlaneError } from "../../core/plane-status.ts";
import type { CallLimits } from "./call-limits.ts";
import type { Connection } from "./connections.ts";
import { watchOwnAddress } from "./watch-own-address.ts";

export interface DuplexOptions<Request, Message> {
  /** For its errors: "Attach". */
  readonly name: string;
  readonly connection: Connection;
  readonly method: { readonly path: string; readonly requestSerialize: (request: Request) => Buffer };
  readonly first: Request;
  readonly limits: CallLimits;
  readonly signal: AbortSignal;
  /** Undefined: nothing for the reader. */
  readonly parse: (bytes: Buffer) => Message | undefined;
}

type Ending =
  /** By the far end, in good order. */
  | { readonly is: "closed" }
  /** By us: no failure. */
  | { readonly is: "cancelled" }
  | { readonly is: "failed"; readonly failure: PlaneError };

/**
 * One call with a stream each way. The first cause of its ending wins, and everybody who waits
 * hears of that one.
 */
export class DuplexCall<Request, Message> {
  /** @throws {PlaneError}, when it ends with a status, and what `parse` throws. */
  readonly incoming: AsyncIterable<Message>;
  readonly #call: ClientDuplexStream<Request, Buffer>;
  readonly #options: DuplexOptions<Request, Message>;
  readonly #waiting = new Set<(ending: Ending) => void>();
  readonly #onAbort = (): void => this.#finish({ is: "cancelled" });
  readonly #opening: NodeJS.Timeout;
  #endWatch = (): void => undefined;
  #ending: Ending | undefined;
  #failing: Promise<void> | undefined;

  constructor(options: DuplexOptions<Request, Message>) {
    const { connection, method, first, limits, signal } = options;
    this.#options = options;
    // Received as bytes: a message that does not decode would otherwise cost the stream.
    this.#call = readingOneAhead(() =>
      connection.client.makeBidiStreamRequest(
        method.path,
        method.requestSerialize,
        (bytes: Buffer) => bytes,
        new Metadata(),
      ),
    );
    connection.begin(this.#call);
    this.incoming = this.#receive();
    this.#opening = setTimeout(() => this.#timeOut("no answer", limits.openingMs), limits.openingMs);
    this.#call.once("metadata", () => this.#opened());
    this.#call.on("error", (failure) => void this.#fail(failure));
    this.#call.once("status", ({ code }) => {
      if (code === status.OK) this.#finish({ is: "closed" });
    });
    signal.addEventListener("abort", this.#onAbort, { once: true });
    if (signal.aborted) this.#onAbort();
    else this.#call.write(first);
  }

  /** Waits while the transport is full. @throws {PlaneError} once the call has ended. */
  async send(message: Request): Promise<void> {
    const ending = this.#ending ?? (await this.#write(message));
    if (ending?.is === "failed") throw ending.failure;
    if (ending?.is === "closed")
      throw new PlaneError(this.#options.name, "UNAVAILABLE", "the control plane closed the stream");
  }

  /** Nothing more comes from us. */
  finish(): void {
    if (this.#ending === undefined) this.#call.end();
  }

  /**
   * Resolves when the transport has taken the message, or with the stream's ending if that comes
   * first.
   */
  #write(message: Request): Promise<Ending | undefined> {
    const { sendMs } = this.#options.limits;
    return new Promise((resolve) => {
      const settle = (ending?: Ending): void => {
        clearTimeout(limit);
        this.#waiting.delete(settle);
        resolve(ending);
      };
      const limit = setTimeout(() => this.#timeOut("no room for a message", sendMs), sendMs);
      this.#waiting.add(settle);
      this.#call.write(message, () => settle(this.#ending));
    });
  }

  async *#receive(): AsyncGenerator<Message, void, undefined> {
    const { parse } = this.#options;
    try {
      // Node types the items of a stream as any; ours are what the deserializer above returns.
      for await (const bytes of this.#call as AsyncIterable<Buffer>) {
        // What was sent before the call broke is no news any more: a message may wait here.
        if (this.#ending !== undefined && this.#ending.is !== "closed") break;
        const message = parse(bytes);
        if (message !== undefined) yield message;
      }
    } catch (failure) {
      await this.#fail(failure);
    } finally {
      // Also when the reader leaves its loop early. Harmless if the stream has ended.
      this.#finish({ is: "cancelled" });
    }
    if (this.#ending?.is === "failed") throw this.#ending.failure;
  }

  #opened(): void {
    clearTimeout(this.#opening);
    if (this.#ending !== undefined) return;
    this.#endWatch = watchOwnAddress(this.#call.getPeer(), (from, to) => {
      const why = `this machine is ${to} now, and was ${from} when the connection was made`;
      const failure = new PlaneError(this.#options.name, "UNAVAILABLE", why, { answered: false });
      this.#finish({ is: "failed", failure });
    });
  }

  #timeOut(what: string, ms: number): void {
    const failure = new PlaneError(this.#options.name, "DEADLINE_EXCEEDED", `${what} within ${ms / 1_000} s`, {
      answered: false,
    });
    this.#finish({ is: "failed", failure });
  }

  /** What is told first is why it failed: what follows is a consequence. */
  #fail(cause: unknown): Promise<void> {
    const { connection, name } = this.#options;
    this.#failing ??= connection.failureOf(name, cause).then((failure) => this.#finish({ is: "failed", failure }));
    return this.#failing;
  }

  #finish(ending: Ending): void {
    if (this.#ending !== undefined) return;
    this.#ending = ending;
    clearTimeout(this.#opening);
    this.#endWatch();
    this.#options.signal.removeEventListener("abort", this.#onAbort);
    for (const settle of [...this.#waiting]) settle(ending);
    if (ending.is !== "closed") this.#call.cancel();
    if (ending.is === "failed") this.#options.connection.retire();
    this.#options.connection.end(this.#call);
  }
}

/**
 * A stream of grpc-js reads as many messages ahead of whoever takes them as Node's streams of
 * objects do: 16, each of 16 MiB at most. It has no option for that; it asks Node as it is made.
 */
function readingOneAhead<Stream>(make: () => Stream): Stream {
  const usual = getDefaultHighWaterMark(true);
  setDefaultHighWaterMark(true, 1);
  try {
    return make();
  } finally {
    setDefaultHighWaterMark(true, usual);
  }
}
