import type { Output } from "./output.ts";

/** How often the same words with other figures are told where they cannot be overwritten. */
const AGAIN_MS = 10_000;

/**
 * Progress for a person. On a terminal one line that is overwritten; elsewhere a line for each
 * change of `subject`, and now and then one of the figures.
 */
export class ProgressLine {
  readonly #output: Output;
  #subject: string | undefined;
  #toldMs = Number.NEGATIVE_INFINITY;
  #isOpen = false;

  constructor(output: Output) {
    this.#output = output;
  }

  /** @param subject what the text is about, without figures that always move. */
  tell(subject: string, text: string): void {
    const { columns, out } = this.#output;
    const isNews = subject !== this.#subject;
    this.#subject = subject;
    if (columns !== undefined) {
      const shown = [...text].slice(0, columns - 1).join("");
      out(`${isNews && this.#isOpen ? "\n" : ""}\r\u001B[K${shown}`);
      this.#isOpen = true;
      return;
    }
    if (!isNews && performance.now() - this.#toldMs < AGAIN_MS) return;
    this.#toldMs = performance.now();
    out(`${text}\n`);
  }

  /** Ends the line, so that what follows has one of its own. */
  end(): void {
    if (this.#isOpen) this.#output.out("\n");
    this.#isOpen = false;
  }
}
