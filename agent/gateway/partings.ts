import type { Socket } from "node:net";
import type { TLSSocket } from "node:tls";
import type { PartingWords } from "../core/parting-words.ts";
import { ClientFrames } from "./http2/client-frames.ts";
import { callRefused, FLAG, type FrameHeader, frame, GRPC_STATUS, PREFACE, TYPE } from "./http2/frames.ts";
import { Unsound } from "./http2/unsound.ts";

/**
 * What a client has for its questions. A stock one asks within a round trip of its handshake, and
 * leaves with the answer.
 */
const LASTS_MS = 2_000;
/** A client of gRPC asks with some 500 bytes. */
const MOST_BYTES = 32 * 1024;
/** More are reset without a word: whoever comes with a good certificate is not let in by that. */
const MOST_AT_ONCE = 64;

const NOTHING = Buffer.alloc(0);
const SETTINGS = frame(TYPE.settings, 0, 0, NOTHING);
const SETTINGS_TAKEN = frame(TYPE.settings, FLAG.acknowledges, 0, NOTHING);

const STATUSES: Readonly<Record<PartingWords["status"], number>> = {
  "failed-precondition": GRPC_STATUS.failedPrecondition,
  unavailable: GRPC_STATUS.unavailable,
  "resource-exhausted": GRPC_STATUS.resourceExhausted,
};

/**
 * Tells clients with a good certificate why they may not build here: each call is answered with the
 * reason, and none reaches BuildKit. Bounded in number, bytes and time.
 */
export class Partings {
  /** How each of those that are here is made to leave. */
  readonly #open = new Set<() => void>();

  /** Owns the connection if it takes it. False: it does not, and nothing was said. */
  begin(raw: Socket, client: TLSSocket, words: PartingWords): boolean {
    if (this.#open.size >= MOST_AT_ONCE || raw.destroyed) return false;
    const leave = (): void => {
      if (!raw.destroyed) raw.resetAndDestroy();
    };
    const over = setTimeout(leave, LASTS_MS);
    this.#open.add(leave);
    raw.once("close", () => {
      clearTimeout(over);
      client.destroy();
      this.#open.delete(leave);
    });
    const answers = new Answers(words, (bytes) => void client.write(bytes));
    client.on("data", (chunk: Buffer) => {
      if (!answers.take(chunk)) leave();
    });
    // It has read all there was to read.
    client.on("end", leave);
    return true;
  }

  /** Nobody is listened to any longer. */
  close(): void {
    for (const leave of this.#open) leave();
  }
}

/** What is answered to one client. */
class Answers {
  readonly #frames: ClientFrames;
  readonly #send: (bytes: Buffer) => void;
  #takenBytes = 0;

  constructor({ status, message }: PartingWords, send: (bytes: Buffer) => void) {
    this.#send = send;
    this.#frames = new ClientFrames({
      send: () => undefined,
      judge: (stream) => {
        send(callRefused(stream, message, STATUSES[status]));
        return { is: "refuse" };
      },
      onFrame: (header) => this.#seen(header),
    });
  }

  /** False: it says too much, or what is no HTTP/2. */
  take(chunk: Buffer): boolean {
    const begins = PREFACE.subarray(this.#takenBytes, this.#takenBytes + chunk.length);
    if (!begins.equals(chunk.subarray(0, begins.length))) return false;
    this.#takenBytes += chunk.length;
    if (this.#takenBytes > MOST_BYTES) return false;
    try {
      this.#frames.take(chunk);
      return true;
    } catch (failure) {
      if (failure instanceof Unsound) return false;
      throw failure;
    }
  }

  /** A client begins with its settings, and waits for ours before it asks. */
  #seen({ type, flags }: FrameHeader): void {
    if (type !== TYPE.settings || (flags & FLAG.acknowledges) !== 0) return;
    this.#send(Buffer.concat([SETTINGS, SETTINGS_TAKEN]));
  }
}
