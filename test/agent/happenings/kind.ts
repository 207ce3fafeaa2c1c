import type * as fc from "fast-check";
import type { World } from "../world/world.ts";

/** One kind of thing that can happen to a machine, good or bad. */
export interface Kind<P> {
  /** How often, against the others. */
  readonly weight: number;
  readonly parameters: fc.Arbitrary<P>;
  readonly act: (world: World, parameters: P) => void;
  /** For a person who reads a schedule. */
  readonly tell: (parameters: P) => string;
  /** How long it stays in force. */
  readonly lastsMs?: (parameters: P) => number;
}

/**
 * A kind whose parameters only it can read: they come from its own arbitrary, or from a schedule
 * that it wrote.
 */
export interface AnyKind {
  readonly weight: number;
  readonly parameters: fc.Arbitrary<unknown>;
  readonly act: (world: World, parameters: unknown) => void;
  readonly tell: (parameters: unknown) => string;
  readonly lastsMs: (parameters: unknown) => number;
}

export function kind<P>({ weight, parameters, act, tell, lastsMs }: Kind<P>): AnyKind {
  return {
    weight,
    parameters,
    act: (world, given) => act(world, given as P),
    tell: (given) => tell(given as P),
    lastsMs: (given) => lastsMs?.(given as P) ?? 0,
  };
}

/** "1.5 s", "20 min": as short as it can be said. */
export function words(ms: number): string {
  if (Math.abs(ms) < 1_000) return `${ms} ms`;
  return Math.abs(ms) < 120_000 ? `${ms / 1_000} s` : `${Math.round(ms / 6_000) / 10} min`;
}
