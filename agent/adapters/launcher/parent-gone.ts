import type { Readable } from "node:stream";

/**
 * Aborted when the process that started us is gone, if it said that it holds our stdin
 * (BUILDER_AGENT_PARENT=stdin): the kernel closes the pipe however it ended. Otherwise never. What
 * comes over stdin is dropped. Does not keep the process alive.
 */
export function parentGone(
  env: NodeJS.ProcessEnv = process.env,
  stdin: Readable & { unref?: () => unknown } = process.stdin,
): AbortSignal {
  const gone = new AbortController();
  if (env["BUILDER_AGENT_PARENT"] !== "stdin") return gone.signal;
  const abort = (): void => gone.abort(new Error("The parent process is gone"));
  for (const event of ["end", "close", "error"] as const) stdin.once(event, abort);
  stdin.resume();
  stdin.unref?.();
  return gone.signal;
}
