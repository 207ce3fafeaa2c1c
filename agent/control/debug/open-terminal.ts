import { DEBUG_LIMITS } from "../../core/contract-limits.ts";
import type { Asciicast } from "../../core/debug/asciicast.ts";
import { drainInWords } from "../../core/debug/drain-words.ts";
import { type DebugGrant, type EndReason, endInWords } from "../../core/debug/grant.ts";
import { OutputWindow } from "../../core/debug/output-window.ts";
import type { TerminalsEnd } from "../../core/drain.ts";
import { AgentError } from "../../core/errors.ts";
import { firstOf, within } from "../../lifecycle/branch.ts";
import { Cell } from "../../lifecycle/cell.ts";
import { Pulse } from "../../lifecycle/pulse.ts";
import type { Clock } from "../../ports/clock.ts";
import type { HeldTerminal, Recording, TerminalExit, TerminalOpened, ToTerminal } from "../../ports/debug-terminal.ts";
import type { Log } from "../../ports/log.ts";

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
  readonly output = new OutputWindow();
  /** Why it ends; the first cause stays. */
  readonly reason = new Cell<EndReason | undefined>(undefined);
  /** When all was over, CLOCK_MONOTONIC. */
  readonly closedMonoMs = new Cell<number | undefined>(undefined);
  /** There is something to send. */
  readonly changed = new Pulse();
  /** Something was acknowledged. */
  readonly #room = new Pulse();
  readonly #held: HeldTerminal;
  readonly #cast: Asciicast;
  readonly #clock: Clock;
  readonly #log: Log;
  #columns: number;
  #rows: number;
  /** Input: what has come, and what the terminal has taken of it. */
  #inputCome = 0;
  #inputTaken = 0;
  #lastKeyMonoMs: number;
  #exit: TerminalExit = { exitCode: -1, signal: "" };
  #exited: Extract<ToTerminal, { is: "exited" }> | undefined;
  /** Since when a stream carries it; undefined while none does. */
  #connectedSinceMonoMs: number | undefined;
  #recordable = true;
  /** Lines go to the recording one after the other. */
  #recorded: Promise<void> = Promise.resolve();

  constructor({ clock, log }: { readonly clock: Clock; readonly log: Log }, grant: DebugGrant, parts: Parts) {
    this.grant = grant;
    this.recording = parts.recording;
    this.#held = parts.held;
    this.#cast = parts.cast;
    this.#columns = parts.columns;
    this.#rows = parts.rows;
    this.#clock = clock;
    this.#log = log;
    this.#lastKeyMonoMs = clock.now().monoMs;
    this.#connectedSinceMonoMs = this.#lastKeyMonoMs;
    void this.#noteExit();
  }

  get connectedSinceMonoMs(): number | undefined {
    return this.#connectedSinceMonoMs;
  }

  /** @param isSo whether a stream carries it from now on. */
  connected(isSo: boolean): void {
    this.#connectedSinceMonoMs = isSo ? this.#clock.now().monoMs : undefined;
  }

  get inputTaken(): number {
    return this.#inputTaken;
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
      inputTaken: this.#inputTaken,
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
    await this.#say(
      `This terminal is recorded. Grant ${grantId}, ${runAs}; ends at ${until}, or after ` +
        `${Math.round(idleLimitMs / 1_000)} s without a key.`,
    );
  }

  /** Output to the recording first, then to the person; ends with the terminal's. */
  async pump(signal: AbortSignal): Promise<void> {
    const { outputWindowBytes } = DEBUG_LIMITS;
    for await (const bytes of this.#held.output) {
      await this.#show(bytes);
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
    if (offset > this.#inputCome)
      throw new AgentError("terminal.gap", `Input ${this.#inputCome} to ${offset} is missing`, { retryable: true });
    const fresh = data.subarray(this.#inputCome - offset);
    if (fresh.length === 0) return;
    this.#inputCome += fresh.length;
    this.#lastKeyMonoMs = this.#clock.now().monoMs;
    if (this.#inputCome - this.#inputTaken > DEBUG_LIMITS.inputWindowBytes) return this.end("input-overrun");
    void this.#give(fresh);
  }

  resize(columns: number, rows: number): void {
    const most = DEBUG_LIMITS.windowCells;
    if (!(columns >= 1 && columns <= most && rows >= 1 && rows <= most)) return;
    if (columns === this.#columns && rows === this.#rows) return;
    [this.#columns, this.#rows] = [columns, rows];
    this.#held.resize(columns, rows);
    void this.#record(this.#cast.resize(columns, rows, this.#clock.now().monoMs));
  }

  signal(name: string): void {
    this.#held.signal(name);
  }

  async untilIdle(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const leftMs = this.#lastKeyMonoMs + this.grant.idleLimitMs - this.#clock.now().monoMs;
      if (leftMs <= 0) return;
      await this.#clock.sleep(leftMs, signal);
    }
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
    if (endsAtMs < this.grant.endsAtMs) await this.#say(drainInWords(endsAtMs, orAfterBuilds, now.wallMs));
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
    if (reason !== "") await this.#say(`The terminal has ended. ${message}`);
    await this.#recorded;
    const { exitCode, signal } = this.#exit;
    const { recordingId } = this.recording;
    // Also of one that failed: there may be room for a line again.
    const lines = this.#cast.end(message, exitCode, this.#clock.now().monoMs);
    await this.recording.end(lines).catch((err: unknown) => this.#notRecorded(err));
    this.#exited = { is: "exited", exitCode, signal, reason, recordingId, message };
    this.closedMonoMs.set(this.#clock.now().monoMs);
    this.changed.note();
  }

  /** In words of our own, which the person must see in any case. */
  async #say(text: string): Promise<void> {
    const bytes = new TextEncoder().encode(`\r\n[${text}]\r\n`);
    await this.#record(this.#cast.output(bytes, this.#clock.now().monoMs));
    this.#send(bytes);
  }

  #send(bytes: Uint8Array): void {
    this.output.append(bytes);
    this.changed.note();
  }

  async #show(bytes: Uint8Array): Promise<void> {
    await this.#record(this.#cast.output(bytes, this.#clock.now().monoMs));
    // Nobody sees what is not recorded.
    if (this.#recordable) this.#send(bytes);
  }

  #record(line: string): Promise<void> {
    this.#recorded = this.#recorded.then(() => this.#append(line));
    return this.#recorded;
  }

  async #append(line: string): Promise<void> {
    if (!this.#recordable || line === "") return;
    try {
      if (this.recording.sizeBytes > DEBUG_LIMITS.recordingBytes) throw tooLong();
      await this.recording.append(line);
    } catch (err) {
      this.#notRecorded(err);
    }
  }

  async #give(input: Uint8Array): Promise<void> {
    await this.#held.write(input);
    this.#inputTaken += input.length;
    this.changed.note();
  }

  async #noteExit(): Promise<void> {
    const exit = await this.#held.exited;
    if (exit !== "lost") this.#exit = exit;
  }

  #notRecorded(err: unknown): void {
    this.#recordable = false;
    this.#log.error({ err, grantId: this.grant.grantId }, "recording.failed");
    this.end("recording-failed");
  }
}

function tooLong(): AgentError {
  const most = DEBUG_LIMITS.recordingBytes / (1024 * 1024);
  return new AgentError("recording.failed", `It has more than ${most} MiB`, { retryable: false });
}
