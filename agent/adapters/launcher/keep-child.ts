import { afterExit, type RestartBudget } from "../../core/restart-budget.ts";
import type { Clock } from "../../ports/clock.ts";
import type { Log } from "../../ports/log.ts";
import type { Child, ChildExit } from "./child.ts";

/** Two signals sent at once may reach a process as one. */
const BETWEEN_SIGNALS_MS = 50;

const RESTARTS: RestartBudget = { restarts: 5, windowMs: 60_000 };

export interface KeptChild {
  readonly name: "gateway" | "control";
  /** Called for each run. A failure counts as an exit. */
  readonly start: () => Promise<Child>;
  /** Whether this exit is the end of it, though nobody asked. */
  readonly isFinal: (exit: ChildExit) => boolean;
}

/** How its end is asked for, each more pressing than the one before. */
export interface ChildEnding {
  /** SIGTERM, and no restart. */
  readonly end: AbortSignal;
  /** SIGTERM again; nothing before `end`. */
  readonly hurry: AbortSignal;
  /** SIGKILL. */
  readonly kill: AbortSignal;
}

/** Keeps a child running, with backoff and a budget, until it ends for good. Returns how; nothing if it did not run then. */
export async function keepChild(
  child: KeptChild,
  ending: ChildEnding,
  parts: { readonly clock: Clock; readonly log: Log },
): Promise<ChildExit | undefined> {
  const { clock, log } = parts;
  const exitsMs: number[] = [];
  let last: ChildExit | undefined;
  while (!ending.end.aborted) {
    last = await run(child, ending, log);
    if (ending.end.aborted || (last !== undefined && child.isFinal(last))) return last;
    exitsMs.push(clock.now().monoMs);
    const verdict = afterExit(exitsMs, clock.now().monoMs, RESTARTS);
    log.warn({ child: child.name, ...last, ...verdict }, "launcher.child-restarting");
    if (exitsMs.length > RESTARTS.restarts * 2) exitsMs.shift();
    await clock.sleep(verdict.delayMs, ending.end);
  }
  return last;
}

async function run(child: KeptChild, ending: ChildEnding, log: Log): Promise<ChildExit | undefined> {
  try {
    const running = await child.start();
    log.info({ child: child.name, childPid: running.pid }, "launcher.child-started");
    const exit = await endOf(running, ending);
    log.info({ child: child.name, childPid: running.pid, ...exit }, "launcher.child-exited");
    return exit;
  } catch (err) {
    log.error({ child: child.name, err }, "launcher.child-not-started");
    return undefined;
  }
}

async function endOf(running: Child, { end, hurry, kill }: ChildEnding): Promise<ChildExit> {
  const terminate = (): void => running.terminate();
  const again = (): void => {
    if (end.aborted) setTimeout(terminate, BETWEEN_SIGNALS_MS);
  };
  const destroy = (): void => running.kill();
  const asked = [
    [end, terminate],
    [hurry, again],
    [kill, destroy],
  ] as const;
  for (const [signal, act] of asked) {
    if (signal.aborted) act();
    else signal.addEventListener("abort", act);
  }
  const exit = await running.exited;
  for (const [signal, act] of asked) signal.removeEventListener("abort", act);
  return exit;
}
