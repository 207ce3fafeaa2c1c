import { fullJitterMs } from "../../core/backoff.ts";
import { PlaneError, retryAfterMs } from "../../core/plane-status.ts";
import { aborted, Branch, firstOf } from "../../lifecycle/branch.ts";
import type { Cell } from "../../lifecycle/cell.ts";
import type { Clock } from "../../ports/clock.ts";
import type { DebugPorts, FromTerminal, TerminalOpened, TerminalStream } from "../../ports/debug-terminal.ts";
import type { MachineIdentity } from "../../ports/keys.ts";
import type { Log } from "../../ports/log.ts";

/** The contract: the control plane says something every 10 s. */
const SILENCE_MS = 30_000;
const AGAIN = { baseMs: 200, capMs: 2_000 } as const;

export interface Dialled {
  readonly stream: TerminalStream;
  readonly attached: Extract<FromTerminal, { is: "attached" }>;
  /** What comes after `attached`. */
  readonly rest: AsyncIterator<FromTerminal, unknown>;
  /** Cancels it; harmless when it has ended. */
  readonly hangUp: () => void;
}

export interface DialPorts {
  readonly debug: Pick<DebugPorts, "plane">;
  readonly clock: Clock;
  readonly log: Log;
}

/**
 * Dials until the person is there. Undefined when `signal` is aborted first. The stream then lives
 * until `whole` is aborted, or its far end closes it. Silence, a closed stream and a broken one are
 * dialled again.
 */
export async function dial(
  { debug, clock, log }: DialPorts,
  identity: Cell<MachineIdentity | undefined>,
  opened: () => TerminalOpened,
  whole: AbortSignal,
  signal: AbortSignal,
): Promise<Dialled | undefined> {
  for (let failures = 0; !signal.aborted; failures += 1) {
    const known = await identity.first((now) => now !== undefined, signal);
    if (known === undefined) return undefined;
    const branch = new Branch(whole);
    let failure: unknown;
    try {
      const stream = debug.plane.debugTerminal(known, opened(), branch.signal);
      const rest: Dialled["rest"] = stream.incoming[Symbol.asyncIterator]();
      const attached = await untilAttached(rest, clock, branch, signal);
      if (attached !== undefined && !signal.aborted)
        return { stream, attached, rest, hangUp: () => branch[Symbol.dispose]() };
    } catch (err) {
      failure = err;
    }
    branch[Symbol.dispose]();
    if (signal.aborted) return undefined;
    const pauseMs = retryAfterMs(failure) + fullJitterMs(AGAIN, failures, clock.random());
    log.debug({ err: failure, pauseMs, grantId: opened().grantId }, "debug-terminal.dials-again");
    await clock.sleep(pauseMs, signal);
  }
  return undefined;
}

async function untilAttached(
  rest: AsyncIterator<FromTerminal, unknown>,
  clock: Clock,
  stream: Branch,
  signal: AbortSignal,
): Promise<Dialled["attached"] | undefined> {
  let attached: Dialled["attached"] | undefined;
  let heardMonoMs = clock.now().monoMs;
  await firstOf(
    signal,
    async (one) => {
      const over = ends(one);
      while (!one.aborted) {
        const next = await Promise.race([rest.next(), over]);
        if (next === undefined || next.done === true) return;
        heardMonoMs = clock.now().monoMs;
        if (next.value.is !== "attached") continue;
        attached = next.value;
        return;
      }
    },
    async (one) => {
      await untilSilent(clock, () => heardMonoMs, one);
      if (!one.aborted) stream.abort();
    },
  );
  return attached;
}

/** Resolves once nothing was heard for as long as the contract allows. */
export async function untilSilent(clock: Clock, heardMonoMs: () => number, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    const leftMs = heardMonoMs() + SILENCE_MS - clock.now().monoMs;
    if (leftMs <= 0) return;
    await clock.sleep(leftMs, signal);
  }
}

/** Undefined once `signal` is aborted. */
export async function ends(signal: AbortSignal): Promise<undefined> {
  await aborted(signal, signal);
  return undefined;
}

/** Whether the far end ended it in good order: it will not take the terminal again. */
export function isRefusal(failure: unknown): boolean {
  return failure instanceof PlaneError && ["FAILED_PRECONDITION", "NOT_FOUND"].includes(failure.status);
}
