import { Pulse } from "../lifecycle/pulse.ts";
import { NO_DEBUGGER } from "./node-flags.ts";

export interface OwnSignals {
  /** Aborted by the first SIGTERM or SIGINT. */
  readonly stop: AbortSignal;
  /** Aborted by the next. */
  readonly hurry: AbortSignal;
  /** Each SIGHUP. It ends no process of ours. */
  readonly hangup: Pulse;
  /** Each SIGUSR2. */
  readonly replace: Pulse;
}

/**
 * Listens to the signals of this process, and keeps SIGUSR1 from opening Node's debugger to whoever
 * may connect to the loopback interface. To be called before anything else: until then a signal
 * does what Node does with it. The listeners do not keep the process alive.
 */
export function ownSignals(): OwnSignals {
  const stop = new AbortController();
  const hurry = new AbortController();
  const hangup = new Pulse();
  const replace = new Pulse();
  const onStop = (name: NodeJS.Signals): void => {
    (stop.signal.aborted ? hurry : stop).abort(name);
  };
  // A listener takes the place of Node's own.
  process.on("SIGUSR1", () => undefined);
  process.on("SIGTERM", onStop).on("SIGINT", onStop);
  process.on("SIGHUP", () => hangup.note()).on("SIGUSR2", () => replace.note());
  closeDebugger();
  // One that was asked for before the listener was there may open a turn later.
  setImmediate(closeDebugger);
  return { stop: stop.signal, hurry: hurry.signal, hangup, replace };
}

/**
 * Where the launcher and the units start us they say --disable-sigusr1: there is nothing to close,
 * and the inspector, a megabyte, is not loaded. Node 20 has no such flag.
 */
function closeDebugger(): void {
  if (process.execArgv.includes(NO_DEBUGGER)) return;
  const inspector = process.getBuiltinModule("node:inspector");
  const isWanted = [...process.execArgv, process.env["NODE_OPTIONS"] ?? ""].some((flag) => flag.includes("--inspect"));
  if (!isWanted && inspector.url() !== undefined) inspector.close();
}
