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

/**
 * Clients of BuildKit ask again each second while they hear "unavailable", and buildx gives up
 * after 20 s without a word of why. So whoever still asks after this long hears that it is of no
 * use.
 */
const PATIENCE_MS = 10_000;
/** Who has not asked for so long begins anew. */
const FORGOTTEN_MS = 5_000;
const MOST_ASKERS = 256;

const NOTHING = Buffer.alloc(0);
const SETTINGS = frame(TYPE.settings, 0, 0, NOTHING);
const SETTINGS_TAKEN = frame(TYPE.settings, FLAG.acknowledges, 0, NOTHING);

const STATUSES: Readonly<Record<PartingWords["status"], number>> = {
  "failed-precondition": GRPC_STATUS.failedPrecondition,
  unavailable: GRPC_STATUS.unavailable,
  "resource-exhausted": GRPC_STATUS.resourceExhausted,
};

interface PartingLegs {
  readonly client: TLSSocket;
  /** Under the TLS. */
  readonly raw: Socket;
}

/**
 * Tells clients with a good certificate why they may not build here: each call is answered with the
 * reason, and none reaches BuildKit. Bounded in number, bytes and time.
 */
export class Partings {
  /** How each of those that are here is made to leave. */
  readonly #open = new Set<() => void>();
  /** Who was told to ask again, by name: the one who asked last comes last. */
  readonly #askers = new Map<string, { readonly sinceMs: number; readonly lastMs: number }>();

  /**
   * Owns the connection if it takes it. False: it does not, and nothing was said.
   *
   * @param asker Whose certificate it is. @param nowMs CLOCK_MONOTONIC.
   */
  begin({ raw, client }: PartingLegs, words: PartingWords, asker: string, nowMs: number): boolean {
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
    const answers = new Answers(this.#patient(words, asker, nowMs), (bytes) => void client.write(bytes));
    client.on("data", (chunk: Buffer) => {
      if (!answers.take(chunk)) leave();
    });
    // It has read all there was to read.
    client.on("end", leave);
    return true;
  }

  #patient(words: PartingWords, asker: string, nowMs: number): PartingWords {
    if (words.status !== "unavailable") return words;
    const known = this.#askers.get(asker);
    const sinceMs = known !== undefined && nowMs - known.lastMs < FORGOTTEN_MS ? known.sinceMs : nowMs;
    this.#askers.delete(asker);
    this.#askers.set(asker, { sinceMs, lastMs: nowMs });
    const [oldest = asker] = this.#askers.keys();
    if (this.#askers.size > MOST_ASKERS) this.#askers.delete(oldest);
    return nowMs - sinceMs < PATIENCE_MS ? words : { ...words, status: "failed-precondition" };
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
