import type { FailedTry, Reconciled } from "../core/traces/told-as-traces.ts";
import type { Reconciliation } from "./reconcile.ts";

/** After so many in a row what fails is told of, and goes on as another. */
const TRIES_TOLD = 8;

interface Open<W> {
  readonly wish: W;
  readonly beganAtMs: number;
  tries: readonly FailedTry[];
  readonly toldBefore: number;
}

/**
 * What a reconciliation tells of itself: once for each wish, when it is so, or is not wanted any
 * more. What is done again and again for a wish that is so tells nothing, unless it fails.
 */
export class ToldTries<W> {
  readonly #work: Pick<Reconciliation<W>, "clock" | "same" | "doing" | "report">;
  #open: Open<W> | undefined;
  #settled: { readonly wish: W } | undefined;

  constructor(work: Pick<Reconciliation<W>, "clock" | "same" | "doing" | "report">) {
    this.#work = work;
  }

  begin(wish: W): void {
    const { same } = this.#work;
    const before = this.#open ?? this.#settled;
    if (before === undefined || !same(before.wish, wish)) this.#begin(wish);
  }

  /** It is as it is wanted. */
  reached(wish: W): void {
    this.#end("done");
    this.#settled = { wish };
  }

  failed(wish: W, because: string, retryInMs: number): void {
    this.#open ??= this.#begin(wish);
    this.#settled = undefined;
    const pause = Number.isFinite(retryInMs) && { retryInMs: Math.round(retryInMs) };
    this.#open.tries = [...this.#open.tries, { atMs: this.#nowMs(), because, ...pause }];
    if (this.#open.tries.length < TRIES_TOLD) return;
    const toldBefore = this.#open.toldBefore + this.#open.tries.length;
    this.#end("still-failing");
    this.#open = { ...this.#begin(wish), toldBefore };
  }

  /** Something else is wanted, or nothing. */
  overtaken(): void {
    this.#end("overtaken");
    this.#settled = undefined;
  }

  #begin(wish: W): Open<W> {
    this.#open = { wish, beganAtMs: this.#nowMs(), tries: [], toldBefore: 0 };
    return this.#open;
  }

  #end(ended: Reconciled["ended"]): void {
    if (this.#open === undefined) return;
    const { wish, ...told } = this.#open;
    this.#open = undefined;
    const doing = this.#work.doing?.(wish);
    this.#work.report.reconciled({ ...told, ended, endedAtMs: this.#nowMs(), ...(doing !== undefined && { doing }) });
  }

  #nowMs(): number {
    return this.#work.clock.now().wallMs;
  }
}
