import type { Person, TerminalLine } from "../../sandbox/control-plane/debug/terminal-line.ts";
import { paced } from "../journeys/causes/stage/paced.ts";

/** A person at a terminal. */
export class Sitting implements Person {
  readonly user: string;
  readonly columns: number;
  readonly rows: number;
  readonly line: TerminalLine;
  /** All bytes that were shown to them. */
  readonly seen: Buffer[] = [];
  #exit: (exit: { exitCode: number; signal: string; reason: string; message: string }) => void = () => undefined;
  readonly ended = new Promise<{ exitCode: number; signal: string; reason: string; message: string }>((resolve) => {
    this.#exit = resolve;
  });
  #wake: () => void = () => undefined;
  /** They look away: nothing is acknowledged. */
  looks: Promise<void> = Promise.resolve();

  constructor(line: TerminalLine, window: { columns: number; rows: number }, user = "ada") {
    this.line = line;
    this.user = user;
    this.columns = window.columns;
    this.rows = window.rows;
    line.sit(this);
  }

  readonly show = async (output: Uint8Array): Promise<void> => {
    await this.looks;
    this.seen.push(Buffer.from(output));
    this.#wake();
  };

  readonly exited = (exit: { exitCode: number; signal: string; reason: string; message: string }): void =>
    this.#exit(exit);

  get text(): string {
    return Buffer.concat(this.seen).toString("utf8");
  }

  type(input: string): Promise<void> {
    return this.line.type(input);
  }

  async sees(pattern: RegExp, deadlineMs = paced(30_000)): Promise<string> {
    const deadline = Date.now() + deadlineMs;
    for (;;) {
      const match = pattern.exec(this.text);
      if (match !== null) return match[0];
      if (Date.now() > deadline) throw new Error(`never saw ${pattern}: ${JSON.stringify(this.text.slice(-2_000))}`);
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
        setTimeout(resolve, 100);
      });
    }
  }
}
