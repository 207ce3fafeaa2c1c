import { runProgram } from "../../agent/cli/program.ts";
import { Pulse } from "../../agent/lifecycle/pulse.ts";

export interface Recorded {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/**
 * Runs a command line in this process, with nothing of this process's environment, and no terminal
 * unless one is given.
 */
export async function runCli(
  argv: readonly string[],
  environment: Readonly<Record<string, string>> = {},
  signal: AbortSignal = new AbortController().signal,
  terminal: { readonly columns?: number; readonly rows?: number } = {},
): Promise<Recorded> {
  let [out, err] = ["", ""];
  const code = await runProgram(argv, {
    output: {
      out: (text) => (out += text),
      draw: (text) => (out += text),
      err: (text) => (err += text),
      colours: { out: false, err: false },
      columns: terminal.columns,
      rows: terminal.rows,
      unread: new AbortController().signal,
    },
    environment,
    stop: signal,
    hurry: signal,
    hangup: new Pulse(),
    replace: new Pulse(),
  });
  return { code, out, err };
}
