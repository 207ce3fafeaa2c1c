import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { Deadline } from "../deadline.ts";

export interface BuildctlRun {
  readonly exitCode: number | null;
  /** All that it said, if that was not shown directly. */
  readonly said: string;
}

/** Longer than the example ever takes; a client that hangs must not hang the demo. */
const DEADLINE_MS = 120_000;

/**
 * Runs buildctl. On a terminal its own live progress is shown (`show: "live"`); otherwise each line
 * goes to `show`, as it comes.
 */
export async function runBuildctl(
  program: string,
  args: readonly string[],
  options: { readonly signal: AbortSignal; readonly show: "live" | "nothing" | ((line: string) => void) },
): Promise<BuildctlRun> {
  const { signal, show } = options;
  using deadline = new Deadline(DEADLINE_MS, signal);
  const child = spawn(program, args, {
    stdio: show === "live" ? "inherit" : ["ignore", "pipe", "pipe"],
    signal: deadline.signal,
  });
  const closed = once(child, "close");
  const said: string[] = [];
  for (const stream of [child.stdout, child.stderr]) {
    if (stream === null || show === "live") continue;
    createInterface({ input: stream }).on("line", (line) => {
      said.push(line);
      if (show !== "nothing") show(line);
    });
  }
  await closed;
  return { exitCode: child.exitCode, said: said.join("\n") };
}
