import { unlinkSync } from "node:fs";
import type { Pulse } from "../../lifecycle/pulse.ts";
import type { Clock } from "../../ports/clock.ts";
import type { Log } from "../../ports/log.ts";
import type { Child } from "./child.ts";
import { type ChildSignals, keepChild } from "./keep-child.ts";

export interface Gateways {
  /** @param isBeside Others are there: it waits with its door until it can serve. */
  readonly start: (seat: number, isBeside: boolean) => Promise<Child>;
  readonly endFile: string;
  /**
   * One for each seat, and so for each that there may be: the one that serves, and those that
   * finish. Control looks at all of them.
   */
  readonly sockets: readonly string[];
  /** As of each child. */
  readonly hungAfterMs: number;
}

/**
 * Keeps a gateway running, and at each `replace` starts another beside it: from then on that one is
 * kept, and those before it run to their own end. Whom they finish for is control's business.
 * Returns when all have ended, after `signals.end`.
 */
export async function keepGateways(
  { start, endFile, sockets, hungAfterMs }: Gateways,
  replace: Pulse,
  signals: ChildSignals,
  parts: { readonly clock: Clock; readonly log: Log },
): Promise<void> {
  const seats = new Set<number>();
  const kept = new Set<Promise<unknown>>();
  let newest = 0;
  const keep = (generation: number): void => {
    newest = generation;
    const child = {
      name: "gateway" as const,
      start: () => seated(seats, sockets, start),
      isFinal: () => generation !== newest,
      endFile,
      hungAfterMs,
    };
    const run = keepChild(child, signals, parts).finally(() => kept.delete(run));
    kept.add(run);
  };
  keep(1);
  for (let heard = replace.count; ; heard = replace.count) {
    await replace.next(signals.end, heard);
    if (signals.end.aborted) break;
    if (seats.size < sockets.length) keep(newest + 1);
    else parts.log.warn({ gateways: seats.size }, "launcher.gateway-not-replaced");
  }
  await Promise.all(kept);
}

async function seated(seats: Set<number>, sockets: readonly string[], start: Gateways["start"]): Promise<Child> {
  const isBeside = seats.size > 0;
  let seat = 1;
  while (seats.has(seat)) seat += 1;
  seats.add(seat);
  try {
    const child = await start(seat, isBeside);
    void vacated(child, () => {
      clear(sockets[seat - 1]);
      seats.delete(seat);
    });
    return child;
  } catch (failure) {
    seats.delete(seat);
    throw failure;
  }
}

async function vacated({ exited }: Child, clearSeat: () => void): Promise<void> {
  await exited;
  clearSeat();
}

/** One that was killed leaves its socket, and its seat may stay empty. */
function clear(socket: string | undefined): void {
  try {
    if (socket !== undefined) unlinkSync(socket);
  } catch {
    // It took it along, as it should.
  }
}
