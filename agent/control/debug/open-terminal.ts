import { DEBUG_LIMITS } from "../../core/contract-limits.ts";
import type { Asciicast } from "../../core/debug/asciicast.ts";
import { drainInWords } from "../../core/debug/drain-words.ts";
import { type DebugGrant, type EndReason, endInWords } from "../../core/debug/grant.ts";
import type { OutputWindow } from "../../core/debug/output-window.ts";
import type { TerminalsEnd } from "../../core/drain.ts";
import { firstOf, within } from "../../lifecycle/branch.ts";
import { Cell } from "../../lifecycle/cell.ts";
import { Pulse } from "../../lifecycle/pulse.ts";
import type { Clock } from "../../ports/clock.ts";
import type { HeldTerminal, Recording, TerminalExit, TerminalOpened, ToTerminal } from "../../ports/debug-terminal.ts";
import type { Log } from "../../ports/log.ts";
import { RecordedOutput } from "./recorded-output.ts";
import { TypedInput } from "./typed-input.ts";

interface Parts {
  readonly held: HeldTerminal;
  readonly recording: Recording;
  readonly cast: Asciicast;
  readonly columns: number;
  readonly rows: number;
}

/** One terminal from its start to its end, over as many streams as it takes. */
export class OpenTerminal {
  readonly grant: DebugGrant;
  readonly recording: Recording;
  /** Why it ends; the first cause stays. */
  readonly reason = new Cell<EndReason | undefined>(undefined);
  /** When all was over, CLOCK_MONOTONIC. */
  readonly closedMonoMs = new Cell<number | undefined>(undefined);
  /** There is something to send. */
  readonly changed = new Pulse();
  /** Something was acknowledged. */
  readonly #room = new Pulse();
  readonly #held: HeldTerminal;
  readonly #shown: RecordedOutput;
  readonly #input: TypedInput;
  readonly #clock: Clock;
  readonly #log: Log;
  #columns: number;
  #rows: number;
  #exit: TerminalExit = { exitCode: -1, signal: "" };
  #exited: Extract<ToTerminal, { is: "exited" }> | undefined;
  /** Since when a stream carries it; undefined while none does. */
  #connectedSinceMonoMs: number | undefined;

  constructor({ clock, log }: { readonly clock: Clock; readonly log: Log }, grant: DebugGrant, parts: Parts) {
    this.grant = grant;
    this.recording = parts.recording;
    this.#held = parts.held;
    this.#columns = parts.columns;
    this.#rows = parts.rows;
    this.#clock = clock;
    this.#log = log;
    this.#shown = new RecordedOutput(parts, clock, {
      sent: () => this.changed.note(),
      failed: (err) => this.#notRecorded(err),
    });
    this.#input = new TypedInput(parts.held, clock, () => this.changed.note());
    this.#connectedSinceMonoMs = clock.now().monoMs;
    void this.#noteExit();
  }

  get connectedSinceMonoMs(): number | undefined {
    return this.#connectedSinceMonoMs;
  }

  /** @param isSo whether a stream carries it from now on. */
  connected(isSo: boolean): void {
    this.#connectedSinceMonoMs = isSo ? this.#clock.now().monoMs : undefined;
  }

  /** What was shown and is not acknowledged yet. */
  get output(): OutputWindow {
    return this.#shown.window;
  }

  get inputTaken(): number {
    return this.#input.taken;
  }

  /** The last message, once all is over. */
  get exited(): Extract<ToTerminal, { is: "exited" }> | undefined {
    return this.#exited;
  }

  get message(): string {
    return this.#exited?.message ?? "";
  }

  opened(): TerminalOpened {
    return {
      grantId: this.grant.grantId,
      columns: this.#columns,
      rows: this.#rows,
      resumed: true,
      outputFrom: this.output.from,
      inputTaken: this.#input.taken,
      recordingId: this.recording.recordingId,
    };
  }

  end(reason: EndReason): void {
    if (this.reason.get() === undefined) this.reason.set(reason);
  }

  /** What the person must know before the first prompt. */
  async welcome(): Promise<void> {
    const { grantId, runAs, endsAtMs, idleLimitMs } = this.grant;
    const until = new Date(endsAtMs).toISOString().replace(/\.\d+Z$/, "Z");
    await this.#shown.say(
      `This terminal is recorded. Grant ${grantId}, ${runAs}; ends at ${until}, or after ` +
        `${Math.round(idleLimitMs / 1_000)} s without a key.`,
    );
  }

  /** Output to the recording first, then to the person; ends with the terminal's. */
  async pump(signal: AbortSignal): Promise<void> {
    const { outputWindowBytes } = DEBUG_LIMITS;
    for await (const bytes of this.#held.output) {
      await this.#shown.show(bytes);
      while (this.output.heldBytes >= outputWindowBytes && !signal.aborted && this.reason.get() === undefined) {
        const before = this.#room.count;
        if (this.output.heldBytes < outputWindowBytes) break;
        await firstOf(
          signal,
          (one) => this.#room.next(one, before),
          (one) => this.reason.first((now) => now !== undefined, one),
        );
      }
      if (signal.aborted) return;
    }
  }

  /** @throws {RangeError} for bytes that were never sent. */
  acknowledge(upTo: number): void {
    this.output.acknowledge(upTo);
    this.#room.note();
  }

  /** @throws {AgentError} for a gap: the stream is not one that can be gone on with. */
  type(offset: number, data: Uint8Array): void {
    if (!this.#input.type(offset, data)) this.end("input-overrun");
  }

  resize(columns: number, rows: number): void {
    const most = DEBUG_LIMITS.windowCells;
    if (!(columns >= 1 && columns <= most && rows >= 1 && rows <= most)) return;
    if (columns === this.#columns && rows === this.#rows) return;
    [this.#columns, this.#rows] = [columns, rows];
    this.#held.resize(columns, rows);
    this.#shown.resize(columns, rows);
  }

  signal(name: string): void {
    this.#held.signal(name);
  }

  untilIdle(signal: AbortSignal): Promise<void> {
    return this.#input.untilIdle(this.grant.idleLimitMs, signal);
  }

  async untilExited(signal: AbortSignal): Promise<EndReason> {
    const over = new Promise<"over">((resolve) =>
      signal.addEventListener("abort", () => resolve("over"), { once: true }),
    );
    const exit = await Promise.race([this.#held.exited, over]);
    return exit === "lost" || exit === "over" ? "failed" : "";
  }

  /**
   * Resolves when a drain ends it. Before, the person is told when that will be, and again each
   * time it comes nearer.
   */
  async untilDrained(end: Cell<TerminalsEnd | undefined>, signal: AbortSignal): Promise<void> {
    for (let told: TerminalsEnd | undefined; !signal.aborted; ) {
      const now = this.#clock.now();
      const leftMs = told === undefined ? Number.POSITIVE_INFINITY : told.monoMs - now.monoMs;
      if (leftMs <= 0) return;
      const before = told;
      const next = await within(this.#clock, leftMs, signal, (one) => end.first((value) => value !== before, one));
      if (next === undefined) continue;
      told = next;
      await this.#announce(next);
    }
  }

  /** Nothing of an end that the grant has before. */
  async #announce({ monoMs, orAfterBuilds }: TerminalsEnd): Promise<void> {
    const now = this.#clock.now();
    const endsAtMs = now.wallMs + Math.max(0, monoMs - now.monoMs);
    if (endsAtMs < this.grant.endsAtMs) await this.#shown.say(drainInWords(endsAtMs, orAfterBuilds, now.wallMs));
  }

  /** All that it started is gone when this resolves; if it is not known to be, the log says so. */
  async kill(): Promise<void> {
    try {
      await this.#held.end();
    } catch (err) {
      this.#log.error({ err, grantId: this.grant.grantId }, "debug-terminal.not-gone");
    }
  }

  /** The end of the recording, and the last message. */
  async close(): Promise<void> {
    const reason = this.reason.get() ?? "";
    const message = endInWords(reason);
    if (reason !== "") await this.#shown.say(`The terminal has ended. ${message}`);
    const { exitCode, signal } = this.#exit;
    const { recordingId } = this.recording;
    await this.#shown.end(message, exitCode);
    this.#exited = { is: "exited", exitCode, signal, reason, recordingId, message };
    this.closedMonoMs.set(this.#clock.now().monoMs);
    this.changed.note();
  }

  async #noteExit(): Promise<void> {
    const exit = await this.#held.exited;
    if (exit !== "lost") this.#exit = exit;
  }

  #notRecorded(err: unknown): void {
    this.#log.error({ err, grantId: this.grant.grantId }, "recording.failed");
    this.end("recording-failed");
  }
}
