import { FLAG, type FrameHeader, TYPE } from "../http2/frames.ts";
import { Unsound } from "../http2/unsound.ts";

/**
 * What a session may send within ten seconds: a hundred times and more what stock clients were seen
 * to send (docs/decisions/0036). A call that is reset at once is as dear as one that is not.
 */
export interface FrameLimits {
  readonly calls: number;
  readonly headerBytes: number;
  /**
   * PING, SETTINGS, RST_STREAM, PRIORITY and what is unknown: frames that BuildKit has to answer or
   * to note. gRPC sends a PING a round trip while data flows, to measure it.
   */
  readonly controlFrames: number;
  /** DATA of no bytes: work without an end. */
  readonly emptyFrames: number;
}

export const USUAL_FRAME_LIMITS: FrameLimits = {
  calls: 5_000,
  headerBytes: 2 * 1024 * 1024,
  controlFrames: 200_000,
  emptyFrames: 10_000,
};

const WINDOW_MS = 10_000;

/** Counts the frames of one session. */
export class FrameBudget {
  readonly #limits: FrameLimits;
  readonly #monoMs: () => number;
  #beganMs: number;
  #spent: Record<keyof FrameLimits, number> = { calls: 0, headerBytes: 0, controlFrames: 0, emptyFrames: 0 };

  constructor(limits: FrameLimits, monoMs: () => number) {
    this.#limits = limits;
    this.#monoMs = monoMs;
    this.#beganMs = monoMs();
  }

  /** @throws {Unsound} */
  spend({ type, flags, payloadBytes }: FrameHeader): void {
    switch (type) {
      case TYPE.data:
        if (payloadBytes === 0 && (flags & FLAG.endStream) === 0) this.#add("emptyFrames", 1);
        return;
      case TYPE.window:
        return;
      // To BuildKit's own: it takes no answer.
      case TYPE.ping:
      case TYPE.settings:
        if ((flags & FLAG.acknowledges) === 0) this.#add("controlFrames", 1);
        return;
      case TYPE.headers:
        this.#add("calls", 1);
        this.#add("headerBytes", payloadBytes);
        return;
      default:
        this.#add("controlFrames", 1);
    }
  }

  #add(what: keyof FrameLimits, count: number): void {
    this.#spent[what] += count;
    if (this.#spent[what] <= this.#limits[what]) return;
    const nowMs = this.#monoMs();
    if (nowMs - this.#beganMs < WINDOW_MS)
      throw new Unsound(`more than ${this.#limits[what]} ${WORDS[what]} within ${WINDOW_MS / 1000} s`);
    this.#beganMs = nowMs;
    this.#spent = { calls: 0, headerBytes: 0, controlFrames: 0, emptyFrames: 0 };
    this.#spent[what] = count;
  }
}

const WORDS: Readonly<Record<keyof FrameLimits, string>> = {
  calls: "calls",
  headerBytes: "bytes of headers",
  controlFrames: "control frames",
  emptyFrames: "empty frames",
};
