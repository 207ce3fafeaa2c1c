import { first } from "./cycle.ts"; // refused: no-cycle

export const second = () => first;

export async function floats(): Promise<void> {
  Promise.resolve(1); // refused: no-floating-promises
  [1].forEach(async () => {}); // refused: no-misused-promises
}

export function misses(phase: "open" | "closed"): number {
  // The union may grow; the switch must not go quiet.
  switch (
    phase // refused: switch-exhaustiveness-check
  ) {
    case "open":
      return 1;
  }
  return 0;
}

export const loose = (value: any): unknown => value; // refused: no-explicit-any

export const limit = (signal: AbortSignal): AbortSignal => AbortSignal.any([signal, AbortSignal.timeout(1_000)]); // refused: no-restricted-properties
