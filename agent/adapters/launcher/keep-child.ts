import { writeFile } from "node:fs/promises";
import { endLine } from "../../core/last-end.ts";
import { afterExit, type RestartBudget } from "../../core/restart-budget.ts";
import type { Pulse } from "../../lifecycle/pulse.ts";
import type { Clock } from "../../ports/clock.ts";
import type { Log } from "../../ports/log.ts";
import type { Child, ChildExit } from "./child.ts";
import { untilItHangs } from "./signs-of-life.ts";

/** Two signals sent at once may reach a process as one. */
const BETWEEN_SIGNALS_MS = 50;

const RESTARTS: RestartBudget = { restarts: 5, windowMs: 60_000 };
/**
 * A run that lasted this long clears the budget: its process is no worse than a sound one that
 * somebody killed, and comes back at once. Those that end just then are started six times a minute,
 * as often as the budget lets others.
 */
const LASTS_MS = 10_000;

export interface KeptChild {
  readonly name: "gateway" | "control";
  /** Called for each run. A failure counts as an exit. */
  readonly start: () => Promise<Child>;
  /** Whether this exit is the end of it, though nobody asked. */
  readonly isFinal: (exit: ChildExit) => boolean;
  /** Where it is written how each run ended, for control. */
  readonly endFile: string;
  /** One whose event loop has not turned for so long, and up to a third more, is killed. */
  readonly hungAfterMs: number;
}

/** What it is told; of its end each is more pressing than the one before. */
export interface ChildSignals {
  /** SIGHUP, to the run that there is. */
  readonly again: Pulse;
  /** SIGTERM, and no restart. */
  readonly end: AbortSignal;
  /** SIGTERM again; nothing before `end`. */
  readonly hurry: AbortSignal;
  /** SIGKILL. */
  readonly kill: AbortSignal;
}

/**
 * Keeps a child running, with backoff and a budget, until it ends for good. Returns how; nothing if
 * it did not run then.
 */
export async function keepChild(
  child: KeptChild,
  signals: ChildSignals,
  parts: { readonly clock: Clock; readonly log: Log },
): Promise<ChildExit | undefined> {
  const { clock, log } = parts;
  const exitsMs: number[] = [];
  let last: ChildExit | undefined;
  while (!signals.end.aborted) {
    const startedMs = clock.now().monoMs;
    last = await run(child, signals, parts);
    if (signals.end.aborted || (last !== undefined && child.isFinal(last))) return last;
    const endedMs = clock.now().monoMs;
    if (endedMs - startedMs >= LASTS_MS) exitsMs.length = 0;
    exitsMs.push(endedMs);
    const verdict = afterExit(exitsMs, endedMs, RESTARTS);
    log.warn({ child: child.name, ...last, ...verdict }, "launcher.child-restarting");
    if (exitsMs.length > RESTARTS.restarts * 2) exitsMs.shift();
    await clock.sleep(verdict.delayMs, signals.end);
    // Another may have taken its place meanwhile.
    if (last !== undefined && child.isFinal(last)) return last;
  }
  return last;
}

async function run(
  child: KeptChild,
  signals: ChildSignals,
  { clock, log }: { readonly clock: Clock; readonly log: Log },
): Promise<ChildExit | undefined> {
  const { name, endFile, hungAfterMs } = child;
  try {
    const running = await child.start();
    const who = { child: name, childPid: running.pid };
    log.info(who, "launcher.child-started");
    const over = new AbortController();
    const hung = untilItHangs(running.signs, hungAfterMs, clock, over.signal).then((hangs) => {
      if (!hangs) return false;
      log.warn({ ...who, silentMs: hungAfterMs }, "launcher.child-hangs");
      running.kill();
      return true;
    });
    const exit = await endOf(running, signals);
    over.abort();
    log.info({ ...who, ...exit }, "launcher.child-exited");
    await writeFile(endFile, endLine({ ...exit, hung: await hung })).catch((err: unknown) => {
      log.warn({ child: name, err }, "launcher.end-not-noted");
    });
    return exit;
  } catch (err) {
    log.error({ child: name, err }, "launcher.child-not-started");
    return undefined;
  }
}

async function endOf(running: Child, { again: pulse, end, hurry, kill }: ChildSignals): Promise<ChildExit> {
  const over = new AbortController();
  void passOn(pulse, running, over.signal);
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
  over.abort();
  for (const [signal, act] of asked) signal.removeEventListener("abort", act);
  return exit;
}

async function passOn(again: Pulse, running: Child, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    await again.next(signal);
    if (!signal.aborted) running.hangUp();
  }
}
