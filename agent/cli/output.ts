import { LineOutput } from "../adapters/telemetry/line-output.ts";
import { plainLines } from "../core/plain-words.ts";

const STDERR = 2;

/**
 * The only place that writes to the terminal. The log of a process is another thing: see the
 * telemetry adapter. What is told quotes strangers: the terminal shows their words, and obeys none.
 */
export interface Output {
  /** What was asked for. */
  readonly out: (text: string) => void;
  /** Moves the terminal's cursor, and clears; words between that were made plain before. */
  readonly draw: (text: string) => void;
  /**
   * What went wrong. Never throws and, but for a file's disk, never waits: the process may be on
   * its way out, and must get there.
   */
  readonly err: (text: string) => void;
  /** Whether `out` and `err` understand colours. */
  readonly colours: { readonly out: boolean; readonly err: boolean };
  /** Characters in a line of `out`, as it is now; undefined when it is not a terminal. */
  readonly columns: number | undefined;
  /** Lines of it. */
  readonly rows: number | undefined;
  /** Aborted once nobody reads `out` any more: the other end of a pipe has gone. */
  readonly unread: AbortSignal;
}

/**
 * Colours only on a terminal, and not when NO_COLOR is set to anything (https://no-color.org) or
 * the terminal is dumb.
 */
export function terminal(environment: Readonly<Record<string, string | undefined>>): Output {
  const wanted = !environment["NO_COLOR"] && environment["TERM"] !== "dumb";
  const { stdout, stderr } = process;
  let errors: LineOutput | undefined;
  const unread = new AbortController();
  stdout.on("error", () => unread.abort());
  return {
    out: (text) => void stdout.write(plainLines(text)),
    draw: (text) => void stdout.write(text),
    err: (text) => (errors ??= new LineOutput({ fd: STDERR, waitsForDisks: true })).write(plainLines(text)),
    colours: { out: wanted && isTerminal(stdout), err: wanted && isTerminal(stderr) },
    get columns() {
      return isTerminal(stdout) ? stdout.columns : undefined;
    },
    get rows() {
      return isTerminal(stdout) ? stdout.rows : undefined;
    },
    unread: unread.signal,
  };
}

/** Node's type does not tell that a file or a pipe has no `isTTY` at all. */
function isTerminal({ isTTY }: { readonly isTTY?: boolean }): boolean {
  return isTTY === true;
}
