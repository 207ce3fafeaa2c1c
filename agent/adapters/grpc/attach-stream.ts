import { type ClientDuplexStream, Metadata, status } from "@grpc/grpc-js";
import { PlaneError } from "../../core/plane-status.ts";
import type { FromPlane, Hello, PlaneStream, ToPlane } from "../../ports/control-plane.ts";
import type { CallLimits } from "./call-limits.ts";
import type { Connection } from "./connections.ts";
import { type AttachRequest, BuilderAgentServiceService } from "./gen/builder/agent/v1/builder_agent.ts";
import { messageFromPlane } from "./message-from-plane.ts";
import { helloToPlane, messageToPlane } from "./message-to-plane.ts";

export interface AttachOptions {
  readonly connection: Connection;
  readonly hello: Hello;
  readonly limits: CallLimits;
  readonly signal: AbortSignal;
  /** Of each message: how many fields of it this agent does not know. */
  readonly onUnknownFields: (count: number) => void;
}

type Ending =
  /** By the far end, in good order. */
  | { readonly is: "closed" }
  /** By us: no failure. */
  | { readonly is: "cancelled" }
  | { readonly is: "failed"; readonly failure: PlaneError };

/**
 * One Attach call. The first cause of its ending wins, and everybody who waits hears of that one.
 */
export class AttachStream implements PlaneStream {
  readonly incoming: AsyncIterable<FromPlane>;
  readonly #call: ClientDuplexStream<AttachRequest, Buffer>;
  readonly #options: AttachOptions;
  readonly #waiting = new Set<(ending: Ending) => void>();
  readonly #onAbort = (): void => this.#finish({ is: "cancelled" });
  readonly #opening: NodeJS.Timeout;
  #ending: Ending | undefined;
  #failing: Promise<void> | undefined;

  constructor(options: AttachOptions) {
    const { connection, hello, limits, signal } = options;
    const { path, requestSerialize } = BuilderAgentServiceService.attach;
    this.#options = options;
    // Received as bytes: a message that does not decode would otherwise cost the stream.
    this.#call = connection.client.makeBidiStreamRequest(path, requestSerialize, (bytes) => bytes, new Metadata());
    connection.begin(this.#call);
    this.incoming = this.#receive();
    this.#opening = setTimeout(() => this.#timeOut("no answer", limits.openingMs), limits.openingMs);
    this.#call.once("metadata", () => clearTimeout(this.#opening));
    this.#call.on("error", (failure) => void this.#fail(failure));
    this.#call.once("status", ({ code }) => {
      if (code === status.OK) this.#finish({ is: "closed" });
    });
    signal.addEventListener("abort", this.#onAbort, { once: true });
    if (signal.aborted) this.#onAbort();
    else this.#call.write(helloToPlane(hello));
  }

  async send(message: ToPlane): Promise<void> {
    const ending = this.#ending ?? (await this.#write(messageToPlane(message)));
    if (ending?.is === "failed") throw ending.failure;
    if (ending?.is === "closed") throw new PlaneError("Attach", "UNAVAILABLE", "the control plane closed the stream");
  }

  /**
   * Resolves when the transport has taken the message, or with the stream's ending if that comes
   * first.
   */
  #write(message: AttachRequest): Promise<Ending | undefined> {
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

  async *#receive(): AsyncGenerator<FromPlane, void, undefined> {
    try {
      // Node types the items of a stream as any; ours are what the deserializer above returns.
      for await (const bytes of this.#call as AsyncIterable<Buffer>) {
        if (this.#ending?.is === "cancelled") return;
        const { message, unknownFields } = messageFromPlane(bytes);
        if (unknownFields > 0) this.#options.onUnknownFields(unknownFields);
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

  #timeOut(what: string, ms: number): void {
    const failure = new PlaneError("Attach", "DEADLINE_EXCEEDED", `${what} within ${ms / 1_000} s`, {
      answered: false,
    });
    this.#finish({ is: "failed", failure });
  }

  /** What is told first is why it failed: what follows is a consequence. */
  #fail(cause: unknown): Promise<void> {
    this.#failing ??= this.#options.connection
      .failureOf("Attach", cause)
      .then((failure) => this.#finish({ is: "failed", failure }));
    return this.#failing;
  }

  #finish(ending: Ending): void {
    if (this.#ending !== undefined) return;
    this.#ending = ending;
    clearTimeout(this.#opening);
    this.#options.signal.removeEventListener("abort", this.#onAbort);
    for (const settle of [...this.#waiting]) settle(ending);
    if (ending.is !== "closed") this.#call.cancel();
    if (ending.is === "failed") this.#options.connection.retire();
    this.#options.connection.end(this.#call);
  }
}
