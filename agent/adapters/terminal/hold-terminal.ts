import type { Socket } from "node:net";
import { constants } from "node:os";
import type { RunAs } from "../../core/debug/grant.ts";
import { inWords } from "../../core/errors.ts";
import type { Log } from "../../ports/log.ts";
import { Channel } from "../../wire/channel.ts";
import { messageLine, readMessage } from "../../wire/protocol.ts";
import { foregroundOf } from "./foreground.ts";
import { type FromTerminalProcess, OUTPUT_CREDIT_BYTES, TERMINAL, ToTerminalProcess } from "./protocol.ts";
import { openPty, type Pty } from "./pty.ts";
import type { ShellCage } from "./shell-cage.ts";

export interface HolderOptions {
  /** How systemd names the connection; "" without it. */
  readonly instance: string;
  /** How a shell is started, and how all that it started is ended. */
  readonly cage: ShellCage;
  /** The user whose shells it may start. */
  readonly may: (runAs: RunAs) => boolean;
  readonly log: Log;
  readonly signal: AbortSignal;
}

/** For the last lines to be read. */
const FAREWELL_MS = 2_000;

/**
 * Holds one terminal for whoever is at the other end of the connection, until either ends it. When
 * this resolves, all that was started in it is gone. Never throws.
 */
export async function holdTerminal(connection: Socket, options: HolderOptions): Promise<void> {
  const holder = new Holder(connection, options);
  await holder.over;
}

class Holder {
  readonly over: Promise<void>;
  readonly #options: HolderOptions;
  readonly #channel: Channel;
  #pty: Pty | undefined;
  #opening: Promise<unknown> | undefined;
  /** Output that was sent and not taken. */
  #owedBytes = 0;

  constructor(connection: Socket, options: HolderOptions) {
    this.#options = options;
    this.#channel = new Channel(connection, TERMINAL, (line) =>
      this.#hear(readMessage(TERMINAL, ToTerminalProcess, line)),
    );
    const stop = (): void => this.#channel.drop();
    options.signal.addEventListener("abort", stop, { once: true });
    this.over = this.#channel.gone
      .finally(() => options.signal.removeEventListener("abort", stop))
      .then(() => this.#end());
    this.#say({ is: "hello", pid: process.pid, instance: options.instance });
  }

  #hear(message: ToTerminalProcess): void {
    const pty = this.#pty;
    switch (message.is) {
      case "open":
        this.#opening ??= this.#open(message);
        return;
      case "input":
        return void pty?.write(Buffer.from(message.data, "base64"), (bytes) => this.#say({ is: "input-taken", bytes }));
      case "taken":
        this.#owedBytes -= message.bytes;
        if (this.#owedBytes < OUTPUT_CREDIT_BYTES) pty?.resume();
        return;
      case "resize":
        return pty?.resize(message.columns, message.rows);
      case "signal":
        return this.#signal(message.name);
      case "end":
        return void this.#end();
      default:
        return message satisfies never;
    }
  }

  async #open({ command, runAs, columns, rows }: Extract<ToTerminalProcess, { is: "open" }>): Promise<void> {
    try {
      if (!this.#options.may(runAs)) throw new Error(`A shell as ${runAs} is not this process's to start`);
      this.#pty = await openPty(this.#options.cage, { command, runAs, columns, rows }, (bytes) => this.#show(bytes));
      this.#say({ is: "started" });
    } catch (failure) {
      this.#options.log.error({ err: failure }, "terminal.not-started");
      this.#say({ is: "not-started", because: inWords(failure) });
      void this.#channel.finish(FAREWELL_MS);
      return;
    }
    void this.#attend(this.#pty);
  }

  /** Its exit is told once all that it left behind is gone, too. */
  async #attend(pty: Pty): Promise<void> {
    const exit = await pty.exited;
    try {
      await pty.end();
      this.#say({ is: "exited", ...exit });
    } catch (err) {
      this.#options.log.error({ err }, "terminal.not-gone");
    }
    await this.#channel.finish(FAREWELL_MS);
  }

  async #end(): Promise<void> {
    try {
      await this.#opening;
      await this.#pty?.end();
    } catch (err) {
      this.#options.log.error({ err }, "terminal.not-gone");
    }
    if (this.#pty === undefined) this.#channel.drop();
  }

  #show(bytes: Uint8Array): void {
    this.#owedBytes += bytes.length;
    if (this.#owedBytes >= OUTPUT_CREDIT_BYTES) this.#pty?.pause();
    this.#say({ is: "output", data: Buffer.from(bytes).toString("base64") });
  }

  #signal(name: string): void {
    const number = SIGNALS.includes(name)
      ? Object.entries(constants.signals).find(([known]) => known === name)?.[1]
      : undefined;
    const group = this.#pty === undefined ? undefined : foregroundOf(this.#pty.pid);
    if (number === undefined || group === undefined) return;
    try {
      process.kill(-group, number);
    } catch (err) {
      this.#options.log.debug({ err, name }, "terminal.not-signalled");
    }
  }

  #say(message: FromTerminalProcess): void {
    this.#channel.send(messageLine(TERMINAL, message));
  }
}

/** The contract's. */
const SIGNALS = ["SIGINT", "SIGQUIT", "SIGTERM", "SIGHUP", "SIGKILL", "SIGTSTP", "SIGCONT"];
