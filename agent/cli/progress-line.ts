import { plainLines } from "../core/plain-words.ts";
import type { Output } from "./output.ts";
import { fitted } from "./printing.ts";

/** How often the same words with other figures are told where they cannot be overwritten. */
const AGAIN_MS = 10_000;

const UP = (lines: number): string => (lines === 0 ? "" : `\u001B[${lines}A`);
const REST_OF_SCREEN = "\u001B[J";

/**
 * Progress for a person. On a terminal a line that is overwritten, or as many as the words take
 * there; elsewhere a line for each
 * change of `subject`, and now and then one of the figures.
 */
export class ProgressLine {
  readonly #output: Output;
  #subject: string | undefined;
  #toldMs = Number.NEGATIVE_INFINITY;
  /** Of the terminal, that the last words take; 0: none is open. */
  #open = 0;

  constructor(output: Output) {
    this.#output = output;
  }

  /** @param subject what the text is about, without figures that always move. */
  tell(subject: string, text: string): void {
    const { columns, out, draw } = this.#output;
    const isNews = subject !== this.#subject;
    this.#subject = subject;
    if (columns !== undefined) {
      const lines = fitted(plainLines(text), columns - 1);
      const start = isNews && this.#open > 0 ? "\n" : UP(Math.max(0, this.#open - 1));
      draw(`${start}\r${REST_OF_SCREEN}${lines.join("\n")}`);
      this.#open = lines.length;
      return;
    }
    if (!isNews && performance.now() - this.#toldMs < AGAIN_MS) return;
    this.#toldMs = performance.now();
    out(`${text}\n`);
  }

  /** Ends the line, so that what follows has one of its own. */
  end(): void {
    if (this.#open > 0) this.#output.out("\n");
    this.#open = 0;
  }
}
