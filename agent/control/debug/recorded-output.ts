import { DEBUG_LIMITS } from "../../core/contract-limits.ts";
import type { Asciicast } from "../../core/debug/asciicast.ts";
import { OutputWindow } from "../../core/debug/output-window.ts";
import { AgentError } from "../../core/errors.ts";
import type { Clock } from "../../ports/clock.ts";
import type { Recording } from "../../ports/debug-terminal.ts";

interface Hears {
  /** There is something to send. */
  sent(): void;
  /** From now on nothing is recorded, and nothing of the terminal's is shown. */
  failed(err: unknown): void;
}

/** What the person sees: on record first. */
export class RecordedOutput {
  readonly window = new OutputWindow();
  readonly #recording: Recording;
  readonly #cast: Asciicast;
  readonly #clock: Clock;
  readonly #hears: Hears;
  #recordable = true;
  /** Lines go to the recording one after the other. */
  #recorded: Promise<void> = Promise.resolve();

  constructor(
    { recording, cast }: { readonly recording: Recording; readonly cast: Asciicast },
    clock: Clock,
    hears: Hears,
  ) {
    this.#recording = recording;
    this.#cast = cast;
    this.#clock = clock;
    this.#hears = hears;
  }

  /** Of the terminal. */
  async show(bytes: Uint8Array): Promise<void> {
    await this.#record(this.#cast.output(bytes, this.#clock.now().monoMs));
    // Nobody sees what is not recorded.
    if (this.#recordable) this.#send(bytes);
  }

  /** In words of our own, which the person must see in any case. */
  async say(text: string): Promise<void> {
    const bytes = new TextEncoder().encode(`\r\n[${text}]\r\n`);
    await this.#record(this.#cast.output(bytes, this.#clock.now().monoMs));
    this.#send(bytes);
  }

  resize(columns: number, rows: number): void {
    void this.#record(this.#cast.resize(columns, rows, this.#clock.now().monoMs));
  }

  /** Of the recording. Also of one that failed: there may be room for a line again. */
  async end(message: string, exitCode: number): Promise<void> {
    await this.#recorded;
    const lines = this.#cast.end(message, exitCode, this.#clock.now().monoMs);
    await this.#recording.end(lines).catch((err: unknown) => this.#fail(err));
  }

  #send(bytes: Uint8Array): void {
    this.window.append(bytes);
    this.#hears.sent();
  }

  #record(line: string): Promise<void> {
    this.#recorded = this.#recorded.then(() => this.#append(line));
    return this.#recorded;
  }

  async #append(line: string): Promise<void> {
    if (!this.#recordable || line === "") return;
    try {
      if (this.#recording.sizeBytes > DEBUG_LIMITS.recordingBytes) throw tooLong();
      await this.#recording.append(line);
    } catch (err) {
      this.#fail(err);
    }
  }

  #fail(err: unknown): void {
    this.#recordable = false;
    this.#hears.failed(err);
  }
}

function tooLong(): AgentError {
  const most = DEBUG_LIMITS.recordingBytes / (1024 * 1024);
  return new AgentError("recording.failed", `It has more than ${most} MiB`, { retryable: false });
}
