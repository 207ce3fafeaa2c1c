import type { GatewayLimits } from "./limits.ts";

export type Entry<Visitor> =
  /** `displaced` must go to make room. */
  | { readonly admitted: true; readonly displaced?: Visitor }
  | { readonly admitted: false; readonly because: "too-many-connections" | "too-many-connections-of-source" };

/**
 * Counts who is connected, and finds room for who comes. Whoever has not finished the handshake may
 * be displaced, the oldest of the busiest source first: so silent connections, however many, only
 * ever displace each other. Sessions are never displaced.
 */
export class Crowd<Visitor extends { readonly source: string }> {
  readonly #limits: GatewayLimits;
  /** By source; a Set remembers the order in which they came. */
  readonly #pending = new Map<string, Set<Visitor>>();
  readonly #connections = new Map<string, number>();
  readonly #inside = new Set<Visitor>();
  #pendingCount = 0;

  constructor(limits: GatewayLimits) {
    this.#limits = limits;
  }

  get pendingHandshakes(): number {
    return this.#pendingCount;
  }

  enter(visitor: Visitor): Entry<Visitor> {
    const limits = this.#limits;
    const mine = this.#pending.get(visitor.source);
    const sourceIsFull =
      (mine?.size ?? 0) >= limits.maxPendingHandshakesPerSource ||
      (this.#connections.get(visitor.source) ?? 0) >= limits.maxConnectionsPerSource;
    const allIsFull = this.#pendingCount >= limits.maxPendingHandshakes || this.#inside.size >= limits.maxConnections;
    if (!sourceIsFull && !allIsFull) {
      this.#add(visitor);
      return { admitted: true };
    }
    const displaced = oldest(sourceIsFull ? mine : this.#busiest());
    if (displaced === undefined)
      return { admitted: false, because: sourceIsFull ? "too-many-connections-of-source" : "too-many-connections" };
    this.leave(displaced);
    this.#add(visitor);
    return { admitted: true, displaced };
  }

  /** The handshake is over; the connection stays. False if it was displaced, or settled before. */
  settle(visitor: Visitor): boolean {
    const mine = this.#pending.get(visitor.source);
    if (mine === undefined || !mine.delete(visitor)) return false;
    if (mine.size === 0) this.#pending.delete(visitor.source);
    this.#pendingCount -= 1;
    return true;
  }

  /** The connection is over. Harmless for one that was never in, or left before. */
  leave(visitor: Visitor): void {
    if (!this.#inside.delete(visitor)) return;
    this.settle(visitor);
    const left = (this.#connections.get(visitor.source) ?? 0) - 1;
    if (left > 0) this.#connections.set(visitor.source, left);
    else this.#connections.delete(visitor.source);
  }

  #add(visitor: Visitor): void {
    const mine = this.#pending.get(visitor.source) ?? new Set();
    this.#pending.set(visitor.source, mine.add(visitor));
    this.#connections.set(visitor.source, (this.#connections.get(visitor.source) ?? 0) + 1);
    this.#pendingCount += 1;
    this.#inside.add(visitor);
  }

  #busiest(): Set<Visitor> | undefined {
    let busiest: Set<Visitor> | undefined;
    for (const pending of this.#pending.values()) if (pending.size > (busiest?.size ?? 0)) busiest = pending;
    return busiest;
  }
}

function oldest<T>(visitors: Set<T> | undefined): T | undefined {
  return visitors?.values().next().value;
}
