import type { Terminal } from "../terminal/terminal.ts";

/**
 * Tells the demo's story: numbered chapters, commands as they are typed, and a tick for each thing
 * that was seen to be so.
 */
export class Narrator {
  readonly #terminal: Terminal;
  #chapter = 0;

  constructor(terminal: Terminal) {
    this.#terminal = terminal;
  }

  title(text: string, subtitle: string): void {
    const { out, paint } = this.#terminal;
    out(`\n${paint("bold", text)}\n${paint("dim", subtitle)}`);
  }

  chapter(text: string): void {
    const { out, paint } = this.#terminal;
    this.#chapter += 1;
    out(`\n${paint("cyan", `${this.#chapter}`)}  ${paint("bold", text)}`);
  }

  /** Something that was checked, and is so. */
  seen(text: string, tookMs?: number): void {
    const { out, paint } = this.#terminal;
    const took = tookMs === undefined ? "" : paint("dim", `  ${duration(tookMs)}`);
    out(`   ${paint("green", "✓")} ${text}${took}`);
  }

  detail(text: string): void {
    const { out, paint } = this.#terminal;
    for (const line of text.split("\n")) out(line === "" ? "" : `     ${paint("dim", line)}`);
  }

  command(words: string): void {
    const { out, paint } = this.#terminal;
    out(`   ${paint("cyan", "$")} ${words.replaceAll("\n", "\n   ")}`);
  }

  failed(text: string): void {
    const { err, paint } = this.#terminal;
    err(`\n   ${paint("red", "✗")} ${text}\n`);
  }

  closing(text: string): void {
    const { out, paint } = this.#terminal;
    out(`\n${paint("green", "●")} ${paint("bold", text)}\n`);
  }
}

export function duration(ms: number): string {
  return ms < 1_000 ? `${Math.round(ms)} ms` : `${(ms / 1_000).toFixed(1)} s`;
}
