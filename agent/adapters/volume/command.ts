/** A program to run, as data: the same is carried out, and printed by a dry run. */
export interface Command {
  /** A bare name; it is looked up in fixed places only. */
  readonly program: string;
  readonly args: readonly string[];
  /** What it reads from its standard input. A key goes nowhere else. */
  readonly stdin: "nothing" | "key" | "label";
  /** Exit codes that are an answer; any other one is a failure. */
  readonly answers: readonly number[];
  /** It is killed after so long. */
  readonly deadlineMs: number;
}

/** What a command said. */
export interface Outcome {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
  /** The last line of its stderr or, if there is none, of its stdout. */
  readonly lastWords: string;
}

export type RunCommand = (command: Command, signal: AbortSignal, stdin?: Uint8Array) => Promise<Outcome>;

/**
 * Reading a device's first blocks, or its own bookkeeping: long for a disk that is just waking up.
 */
export const QUICK_MS = 30_000;

/** As a person would type it: quoted for a shell where that is needed. */
export function printed({ program, args }: Command): string {
  return [program, ...args]
    .map((word) => (/^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`))
    .join(" ");
}
