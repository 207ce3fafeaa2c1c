/**
 * Lines of an asciicast v2 file (https://docs.asciinema.org/manual/asciicast/v2/). Times are
 * seconds since the first line, and never go back. What a chunk leaves of a character is held until
 * the rest of it comes.
 */
export class Asciicast {
  readonly #begunMonoMs: number;
  // A byte order mark is output like any other.
  readonly #decoder = new TextDecoder("utf-8", { ignoreBOM: true });
  #lastMs = 0;

  constructor(begunMonoMs: number) {
    this.#begunMonoMs = begunMonoMs;
  }

  /** The first line: nothing of the command, which may hold secrets. */
  header(about: { readonly columns: number; readonly rows: number; readonly wallMs: number; readonly title: string }) {
    const { columns: width, rows: height, wallMs, title } = about;
    const timestamp = Math.floor(wallMs / 1_000);
    return line({ version: 2, width, height, timestamp, title, env: { TERM: TERMINAL_TYPE } });
  }

  /** "" while there is no whole character. */
  output(bytes: Uint8Array, nowMonoMs: number): string {
    const text = this.#decoder.decode(bytes, { stream: true });
    return text === "" ? "" : this.#event("o", text, nowMonoMs);
  }

  resize(columns: number, rows: number, nowMonoMs: number): string {
    return this.#event("r", `${columns}x${rows}`, nowMonoMs);
  }

  /** The end, whole lines: what was held back, why it ended, and the exit code. */
  end(why: string, exitCode: number, nowMonoMs: number): string {
    const rest = this.#decoder.decode();
    return (
      (rest === "" ? "" : this.#event("o", rest, nowMonoMs)) +
      this.#event("m", why, nowMonoMs) +
      this.#event("x", String(exitCode), nowMonoMs)
    );
  }

  #event(code: "o" | "r" | "m" | "x", data: string, nowMonoMs: number): string {
    this.#lastMs = Math.max(this.#lastMs, nowMonoMs - this.#begunMonoMs);
    return line([Math.round(this.#lastMs * 1_000) / 1_000_000, code, data]);
  }
}

/** What programs in the terminal take it for. */
export const TERMINAL_TYPE = "xterm-256color";

/** Whether this is the last line of a recording that was ended. */
export function isEndOfAsciicast(lastLine: string): boolean {
  return eventOf(lastLine)?.code === "x";
}

/** The end that a crash kept a recording from having, at the time of its last event. */
export function belatedEnd(lastLine: string): string {
  const { seconds = 0 } = eventOf(lastLine) ?? {};
  const why = "The recording breaks off here: the agent that made it ended unexpectedly.";
  return line([seconds, "m", why]) + line([seconds, "x", "-1"]);
}

function eventOf(text: string): { readonly seconds: number; readonly code: string } | undefined {
  try {
    const event: unknown = JSON.parse(text);
    if (!Array.isArray(event)) return undefined;
    const parts: readonly unknown[] = event;
    const [seconds, code] = parts;
    return typeof seconds === "number" && typeof code === "string" ? { seconds, code } : undefined;
  } catch {
    return undefined;
  }
}

function line(value: object): string {
  return `${JSON.stringify(value)}\n`;
}
