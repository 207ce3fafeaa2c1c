import { connect } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import type { RunAs } from "../../core/debug/grant.ts";
import { AgentError } from "../../core/errors.ts";
import { Deadline } from "../../lifecycle/deadline.ts";
import { Queue } from "../../lifecycle/queue.ts";
import type { HeldTerminal, TerminalExit, TerminalHost, TerminalOrder } from "../../ports/debug-terminal.ts";
import { Channel } from "../../wire/channel.ts";
import { messageLine, readMessage } from "../../wire/protocol.ts";
import { FromTerminalProcess, TERMINAL, type ToTerminalProcess } from "./protocol.ts";

/** Node starts in half a second; an emulated machine takes ten times that. */
const START_MS = 20_000;
/** Its own way to end; after that it is made to. */
const END_MS = 5_000;

export interface AskedTerminalOptions {
  /** Where a connection makes such a process, by whom its shell shall be run. */
  readonly sockets: Readonly<Record<RunAs, string>>;
  /**
   * Resolves when that process and all that it started is gone, and sees to it.
   * @throws {AgentError} "terminal.not-gone"
   */
  readonly seeItGone: (process: { readonly pid: number; readonly instance: string }) => Promise<void>;
}

/** Terminals in processes of their own, which whoever listens on a socket starts. */
export function askedTerminal(options: AskedTerminalOptions): TerminalHost {
  return {
    async open(order, signal) {
      const terminal = new AskedTerminal(options, options.sockets[order.runAs]);
      try {
        await terminal.start(order, signal);
        return terminal;
      } catch (failure) {
        await terminal.end();
        throw failure;
      }
    },
  };
}

class AskedTerminal implements HeldTerminal {
  readonly output: AsyncIterable<Uint8Array>;
  readonly exited: Promise<TerminalExit | "lost">;
  readonly #seeItGone: AskedTerminalOptions["seeItGone"];
  readonly #socketPath: string;
  readonly #channel: Channel;
  readonly #output = new Queue<Uint8Array>();
  readonly #writes: { bytes: number; readonly taken: () => void }[] = [];
  #isOver = false;
  #process: { readonly pid: number; readonly instance: string } | undefined;
  #greeted: () => void = () => undefined;
  #started: (failure?: AgentError) => void = () => undefined;
  #exit: (exit: TerminalExit | "lost") => void = () => undefined;

  constructor({ seeItGone }: AskedTerminalOptions, socketPath: string) {
    this.#seeItGone = seeItGone;
    this.#socketPath = socketPath;
    this.exited = new Promise((resolve) => (this.#exit = resolve));
    this.output = this.#taken();
    this.#channel = new Channel(connect(socketPath), TERMINAL, (line) =>
      this.#hear(readMessage(TERMINAL, FromTerminalProcess, line)),
    );
    void this.#channel.gone.then((fault) => this.#gone(fault));
  }

  async start(order: TerminalOrder, outer: AbortSignal): Promise<void> {
    using limit = new Deadline(START_MS, outer);
    const stop = (): void => this.#channel.drop();
    limit.signal.addEventListener("abort", stop, { once: true });
    try {
      const started = new Promise<AgentError | undefined>((resolve) => (this.#started = resolve));
      const greeted = new Promise<void>((resolve) => (this.#greeted = resolve));
      await Promise.race([greeted, started]);
      const { runAs, columns, rows } = order;
      this.#send({ is: "open", command: order.command.map((word) => word.reveal()), runAs, columns, rows });
      const failure = await started;
      if (failure !== undefined) throw failure;
    } finally {
      limit.signal.removeEventListener("abort", stop);
    }
  }

  write(input: Uint8Array): Promise<void> {
    if (this.#isOver || input.length === 0) return Promise.resolve();
    return new Promise((resolve) => {
      this.#writes.push({ bytes: input.length, taken: resolve });
      this.#send({ is: "input", data: Buffer.from(input).toString("base64") });
    });
  }

  resize(columns: number, rows: number): void {
    this.#send({ is: "resize", columns, rows });
  }

  signal(name: string): void {
    this.#send({ is: "signal", name });
  }

  async end(): Promise<void> {
    this.#send({ is: "end" });
    const over = new AbortController();
    const limit = sleep(END_MS, undefined, { signal: over.signal }).catch(() => undefined);
    await Promise.race([this.#channel.gone, limit]);
    over.abort();
    this.#channel.drop();
    if (this.#process !== undefined) await this.#seeItGone(this.#process);
  }

  #send(message: ToTerminalProcess): void {
    this.#channel.send(messageLine(TERMINAL, message));
  }

  #hear(message: FromTerminalProcess): void {
    switch (message.is) {
      case "hello":
        this.#process = message;
        return this.#greeted();
      case "started":
        return this.#started();
      case "not-started":
        return this.#started(notStarted(message.because));
      case "output":
        return this.#output.push(Buffer.from(message.data, "base64"));
      case "input-taken":
        return this.#inputTaken(message.bytes);
      case "exited":
        return this.#over({ exitCode: message.exitCode, signal: message.signal });
      default:
        return message satisfies never;
    }
  }

  #inputTaken(bytes: number): void {
    for (let left = bytes; left > 0; ) {
      const [first] = this.#writes;
      if (first === undefined) return;
      const of = Math.min(first.bytes, left);
      first.bytes -= of;
      left -= of;
      if (first.bytes > 0) return;
      this.#writes.shift();
      first.taken();
    }
  }

  async *#taken(): AsyncGenerator<Uint8Array, void, undefined> {
    for await (const bytes of this.#output.drain(new AbortController().signal)) {
      this.#send({ is: "taken", bytes: bytes.length });
      yield bytes;
    }
  }

  #gone(fault: AgentError | undefined): void {
    const what = `Nothing holds a terminal behind ${this.#socketPath}: is its unit there, or the launcher?`;
    this.#started(fault ?? new AgentError("terminal.unreachable", what, { retryable: true }));
    this.#over("lost");
  }

  #over(exit: TerminalExit | "lost"): void {
    this.#isOver = true;
    this.#output.close();
    this.#exit(exit);
    for (const { taken } of this.#writes.splice(0)) taken();
  }
}

function notStarted(because: string): AgentError {
  return new AgentError("terminal.not-started", because, { retryable: false });
}
