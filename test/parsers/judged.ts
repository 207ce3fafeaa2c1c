import { getHeapStatistics } from "node:v8";
import { createContext, Script } from "node:vm";
import type { Parser } from "./parser.ts";

/** The bar: nothing that comes from outside holds a process up for longer. */
const HELD_UP_MAX_MS = 1_000;
/** What never ends is ended after this, so that the test can say which it was. */
const HUNG_MS = 30_000;
/** As many as are read under one watch: to begin one costs more than most readings. */
const AT_ONCE = 50;
/** A text of one byte a character, taken apart into pieces that are objects. */
const BYTES_A_BYTE = 100;
const BYTES_ANYWAY = 64 * 1024 * 1024;

/** What the first input that a parser keeps no promise for made of it; undefined: there is none. */
export async function broken(parser: Parser, inputs: readonly Buffer[]): Promise<string | undefined> {
  for (let from = 0; from < inputs.length; from += AT_ONCE) {
    const fault = await brokenBy(parser, inputs.slice(from, from + AT_ONCE));
    if (fault !== undefined) return fault;
  }
  return undefined;
}

/** The same of one that is large, with the memory that it takes. */
export async function brokenByLarge(parser: Parser, input: Buffer): Promise<string | undefined> {
  const before = heapBytes();
  const fault = await brokenBy(parser, [input]);
  const bytes = heapBytes() - before;
  if (fault !== undefined) return fault;
  const most = input.length * BYTES_A_BYTE + BYTES_ANYWAY;
  return bytes > most ? `it took ${bytes} bytes of memory; input: ${shown(input)}` : undefined;
}

async function brokenBy(parser: Parser, inputs: readonly Buffer[]): Promise<string | undefined> {
  const results: unknown[] = [];
  let current: Buffer | undefined;
  try {
    withinLimit(() => {
      for (current of inputs) results.push(outcomeOf(parser, current));
    });
    for (const fault of await Promise.all(results)) if (typeof fault === "string") return fault;
    return undefined;
  } catch (failure) {
    return `it ${told(failure)}; input: ${shown(current)}`;
  }
}

function outcomeOf(parser: Parser, input: Buffer): string | undefined | Promise<string | undefined> {
  const first = timed(parser, input);
  // On a busy machine once is no proof.
  const { tookMs, outcome } = first.tookMs > HELD_UP_MAX_MS ? timed(parser, input) : first;
  if (tookMs > HELD_UP_MAX_MS) return `it took ${Math.round(tookMs)} ms; input: ${shown(input)}`;
  const faultOf = ({ failure }: Outcome): string | undefined =>
    failure === undefined || parser.isRefusal(failure)
      ? undefined
      : `it threw ${told(failure)}; input: ${shown(input)}`;
  return outcome instanceof Promise ? outcome.then(faultOf) : faultOf(outcome);
}

interface Outcome {
  readonly failure?: unknown;
}

function timed({ read }: Parser, input: Buffer) {
  const startedMs = performance.now();
  const before = process.cpuUsage();
  const outcome = tried(() => read(Buffer.from(input)));
  const { user, system } = process.cpuUsage(before);
  // What others on this machine took meanwhile is not its own.
  return { outcome, tookMs: Math.min(performance.now() - startedMs, (user + system) / 1_000) };
}

function tried(read: () => unknown): Outcome | Promise<Outcome> {
  try {
    const value = read();
    if (!(value instanceof Promise)) return {};
    return value.then(
      () => ({}),
      (failure: unknown) => ({ failure }),
    );
  } catch (failure) {
    return { failure };
  }
}

function told(failure: unknown): string {
  return failure instanceof Error ? (failure.stack ?? failure.message).slice(0, 1_500) : String(failure);
}

function shown(input: Buffer | undefined): string {
  return `${JSON.stringify(input?.toString("latin1").slice(0, 300))} (${input?.length} bytes)`;
}

const context = createContext({ run: (): unknown => undefined });
const script = new Script("run()");

/** Ends also a loop that gives nothing else a turn, and an expression that goes back for ever. */
function withinLimit(run: () => void): void {
  context["run"] = run;
  script.runInContext(context, { timeout: HUNG_MS });
}

function heapBytes(): number {
  const { used_heap_size: used, external_memory: outside } = getHeapStatistics();
  return used + outside;
}
