import { fullJitterMs } from "../../core/backoff.ts";
import { DEBUG_LIMITS } from "../../core/contract-limits.ts";
import { inWords } from "../../core/errors.ts";
import { PlaneError, retryAfterMs } from "../../core/plane-status.ts";
import type { WaitingRecording } from "../../core/recordings.ts";
import { aborted, Branch, raceOn, within } from "../../lifecycle/branch.ts";
import { Pulse } from "../../lifecycle/pulse.ts";
import type { Clock } from "../../ports/clock.ts";
import type { DebugPorts, Recording, RecordingStream } from "../../ports/debug-terminal.ts";
import type { Log } from "../../ports/log.ts";
import type { Board } from "../board/board.ts";

/** The contract: a terminal whose recording is not stored for this long ends. */
const LOST_MS = 30_000;
const AGAIN = { baseMs: 500, capMs: 30_000 } as const;
/** Lines come one by one; what has come meanwhile goes as one chunk. */
const LOOK_MS = 100;
const LOOK_FOR_LOSS_MS = 1_000;
/** What may be sent and not stored yet. */
const WINDOW_BYTES = 1024 * 1024;
/** At the end of this process: what is not stored by then is sent by the next one. */
const LAST_MS = 5_000;
const NEVER_STORED = ["PERMISSION_DENIED", "INVALID_ARGUMENT", "FAILED_PRECONDITION", "RESOURCE_EXHAUSTED"];

interface Upload {
  readonly recording: Recording;
  storedUpTo: number;
  /** Since when something waits to be stored. */
  waitingSinceMonoMs: number | undefined;
  refused: boolean;
  /** Of the last try; "" once something of it was stored since. */
  lastFailure: string;
}

type UploadCells = Pick<Board, "identity" | "recordingsWaiting">;

/** Sends every recording while it is being made, and after. */
export class Uploads {
  readonly #ports: { readonly debug: DebugPorts; readonly clock: Clock; readonly log: Log };
  readonly #cells: UploadCells;
  readonly #uploads = new Map<Recording, Upload>();
  readonly #running = new Set<Promise<void>>();
  readonly #refusal = new Pulse();

  constructor(ports: { readonly debug: DebugPorts; readonly clock: Clock; readonly log: Log }, cells: UploadCells) {
    this.#ports = ports;
    this.#cells = cells;
  }

  /** Until it is stored whole; after `signal`, for a little longer. */
  add(recording: Recording, signal: AbortSignal): void {
    const waitingSinceMonoMs = this.#ports.clock.now().monoMs;
    const upload: Upload = { recording, storedUpTo: 0, waitingSinceMonoMs, refused: false, lastFailure: "" };
    this.#uploads.set(recording, upload);
    this.#cells.recordingsWaiting.set(this.#uploads.size);
    const running = this.#keep(upload, signal)
      .catch((err: unknown) => this.#ports.log.error({ err, recordingId: recording.recordingId }, "recording.not-sent"))
      .finally(() => {
        this.#uploads.delete(recording);
        this.#cells.recordingsWaiting.set(this.#uploads.size);
        this.#running.delete(running);
      });
    this.#running.add(running);
  }

  /** What the control plane has not stored whole, also while it is being made. */
  get waiting(): readonly WaitingRecording[] {
    const { wallMs, monoMs } = this.#ports.clock.now();
    return [...this.#uploads.values()].map(({ recording, storedUpTo, waitingSinceMonoMs, lastFailure }) => ({
      recordingId: recording.recordingId,
      waitingBytes: recording.sizeBytes - storedUpTo,
      sinceMs: Math.round((wallMs - monoMs + (waitingSinceMonoMs ?? monoMs)) / 1_000) * 1_000,
      lastFailure,
    }));
  }

  /** All that can be sent before this process ends has been. */
  async settled(): Promise<void> {
    await Promise.all(this.#running);
  }

  /**
   * Resolves when it is not stored for too long, or will never be. While its terminal has no stream
   * (`connectedSinceMonoMs` is undefined), the control plane is away altogether: that is bounded by
   * the grant's grace.
   */
  async untilLost(
    recording: Recording,
    connectedSinceMonoMs: () => number | undefined,
    signal: AbortSignal,
  ): Promise<void> {
    const { clock } = this.#ports;
    while (!signal.aborted) {
      const upload = this.#uploads.get(recording);
      const refusals = this.#refusal.count;
      if (upload?.refused === true) return;
      const now = clock.now().monoMs;
      if (upload !== undefined) noteWaiting(upload, now);
      const since = Math.max(upload?.waitingSinceMonoMs ?? now, connectedSinceMonoMs() ?? now);
      if (now - since >= LOST_MS) return;
      await within(clock, LOOK_FOR_LOSS_MS, signal, (pause) => this.#refusal.next(pause, refusals));
    }
  }

  async #keep(upload: Upload, outer: AbortSignal): Promise<void> {
    const { clock, log } = this.#ports;
    const { recording } = upload;
    const { recordingId } = recording;
    using whole = new Branch(new AbortController().signal);
    const patience = async (): Promise<void> => {
      await aborted(outer, whole.signal);
      await clock.sleep(LAST_MS, whole.signal);
      whole.abort();
    };
    void patience();
    for (let failures = 0; !whole.signal.aborted; ) {
      const before = upload.storedUpTo;
      const failure = await this.#once(upload, whole.signal);
      if (failure === undefined) {
        log.info({ recordingId, sizeBytes: recording.sizeBytes }, "recording.stored");
        return await recording.forget();
      }
      if (whole.signal.aborted) break;
      if (failure instanceof PlaneError && NEVER_STORED.includes(failure.status)) {
        upload.refused = true;
        this.#refusal.note();
        log.error({ err: failure, recordingId }, "recording.refused");
        return await recording.setAside();
      }
      upload.lastFailure = inWords(failure);
      failures = upload.storedUpTo > before ? 1 : failures + 1;
      const pauseMs = retryAfterMs(failure) + fullJitterMs(AGAIN, failures - 1, clock.random());
      log.warn({ err: failure, recordingId, pauseMs }, "recording.waits");
      await clock.sleep(pauseMs, whole.signal);
    }
    await recording.release();
  }

  /** One stream. Undefined: it is stored whole. */
  async #once(upload: Upload, outer: AbortSignal): Promise<unknown> {
    const { debug, clock } = this.#ports;
    const { recording } = upload;
    const identity = await this.#cells.identity.first((known) => known !== undefined, outer);
    if (identity === undefined) return new Error("This process ends");
    const grantId = recording.recordingId.replace(/^rec-/, "");
    using branch = new Branch(outer);
    const stream = debug.plane.uploadRecording(
      identity,
      { recordingId: recording.recordingId, grantId },
      branch.signal,
    );
    const stored = new Pulse();
    let isComplete = false;
    let heard = false;
    try {
      await raceOn(
        branch,
        async () => {
          for await (const { storedUpTo, complete } of stream.incoming) {
            heard = true;
            upload.storedUpTo = Math.min(storedUpTo, recording.sizeBytes);
            upload.waitingSinceMonoMs = undefined;
            upload.lastFailure = "";
            noteWaiting(upload, clock.now().monoMs);
            isComplete = complete;
            stored.note();
            if (complete) return;
          }
        },
        async (signal) => {
          if (!heard) await stored.next(signal, 0);
          await this.#send(upload, stream, stored, signal);
        },
      );
      return isComplete ? undefined : new Error("The control plane closed the stream before the recording's end");
    } catch (failure) {
      return failure;
    }
  }

  async #send(upload: Upload, stream: RecordingStream, stored: Pulse, signal: AbortSignal): Promise<void> {
    const { clock } = this.#ports;
    const { recording } = upload;
    for (let sent = upload.storedUpTo; !signal.aborted; ) {
      const before = stored.count;
      const isEnded = recording.isEnded;
      const room = WINDOW_BYTES - (sent - upload.storedUpTo);
      const lines = room > 0 ? await recording.read(sent, DEBUG_LIMITS.recordingChunkBytes) : NONE;
      if (lines.length > 0) {
        await stream.send({ is: "chunk", offset: sent, lines });
        sent += lines.length;
      } else if (isEnded && sent === recording.sizeBytes) {
        await stream.send({ is: "end", sizeBytes: sent });
        stream.finish();
        await aborted(signal, signal);
      } else {
        await within(clock, LOOK_MS, signal, (pause) => stored.next(pause, before));
      }
    }
  }
}

/** Since when something of it waits, if anything does. */
function noteWaiting(upload: Upload, nowMonoMs: number): void {
  if (upload.storedUpTo >= upload.recording.sizeBytes) upload.waitingSinceMonoMs = undefined;
  else upload.waitingSinceMonoMs ??= nowMonoMs;
}

const NONE = new Uint8Array();
