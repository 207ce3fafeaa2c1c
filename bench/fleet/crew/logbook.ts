import type { Call } from "../machine/watched-plane.ts";
import { overWith } from "../over-with.ts";
import type { News, NotedCall } from "./words.ts";

interface Waiting {
  readonly isSo: () => boolean;
  readonly resolve: () => void;
}

/** All that the machines of a fleet have told. */
export class Logbook {
  readonly doors = new Map<string, number>();
  readonly ended = new Map<string, string>();
  readonly #calls: NotedCall[] = [];
  /** By machine: each revision that it applied, and when. */
  readonly #applied = new Map<string, { readonly revision: number; readonly atMs: number }[]>();
  readonly #waiting = new Set<Waiting>();

  take({ doors, calls, applied, ended }: News): void {
    for (const { machine, port } of doors) this.doors.set(machine, port);
    for (const { machine, how } of ended) this.ended.set(machine, how);
    this.#calls.push(...calls);
    for (const { machine, ...what } of applied)
      this.#applied.set(machine, [...(this.#applied.get(machine) ?? []), what]);
    for (const one of this.#waiting) if (one.isSo()) one.resolve();
  }

  calls(which: readonly Call[], sinceMs: number): readonly NotedCall[] {
    return this.#calls.filter(({ call, atMs }) => atMs >= sinceMs && which.includes(call));
  }

  /** When each machine first had a later revision than this one in force. */
  appliedAfter(machine: string, revision: number): number | undefined {
    return this.#applied.get(machine)?.find((one) => one.revision > revision)?.atMs;
  }

  /** The last revision that it told of; 0: none yet. */
  revisionOf(machine: string): number {
    return this.#applied.get(machine)?.at(-1)?.revision ?? 0;
  }

  /** Resolves once it is so, looking again after all news; rejects with the signal. */
  async until(isSo: () => boolean, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    if (isSo()) return;
    await new Promise<void>((resolve, reject) => {
      const over = (): void => {
        this.#waiting.delete(one);
        reject(overWith(signal));
      };
      const one: Waiting = {
        isSo,
        resolve: () => {
          this.#waiting.delete(one);
          signal.removeEventListener("abort", over);
          resolve();
        },
      };
      this.#waiting.add(one);
      signal.addEventListener("abort", over, { once: true });
    });
  }
}
