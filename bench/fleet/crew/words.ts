import type { PlaneAddress } from "../machine/machine.ts";
import type { Call } from "../machine/watched-plane.ts";

/** What the bench tells a process that runs machines. */
export type ToCrew =
  | {
      readonly is: "boot";
      readonly plane: PlaneAddress;
      readonly machines: readonly Recruit[];
    }
  | { readonly is: "end" };

export interface Recruit {
  readonly name: string;
  readonly joinToken: string;
  /** So long after the order it boots. */
  readonly afterMs: number;
}

/** What such a process tells: times are CLOCK_MONOTONIC, in ms, which all processes share. */
export type FromCrew =
  | { readonly is: "up" }
  | {
      readonly is: "news";
      readonly doors: readonly Door[];
      readonly calls: readonly NotedCall[];
      readonly applied: readonly Applied[];
      readonly ended: readonly Ended[];
    };

/** Where a machine's gateway listens. */
export interface Door {
  readonly machine: string;
  readonly port: number;
}

/** A revision that was put in force; each is told once. */
export interface Applied {
  readonly machine: string;
  readonly revision: number;
  readonly atMs: number;
}

export interface Ended {
  readonly machine: string;
  readonly how: string;
}

export interface NotedCall {
  readonly machine: string;
  readonly call: Call;
  readonly atMs: number;
}

export type News = Extract<FromCrew, { readonly is: "news" }>;

/** CLOCK_MONOTONIC. */
export function monoMs(): number {
  return Number(process.hrtime.bigint() / 1_000n) / 1_000;
}
