/** The endpoints that have switches of their own. */
export type Endpoint = "token" | "token-exchange" | "keys" | "device";

export type ApiFault =
  /** This status, with `message`. */
  | { readonly kind: "status"; readonly status: number; readonly message: string }
  /** The right answer, this much later. */
  | { readonly kind: "slow"; readonly delayMs: number }
  /** The request is read and never answered. */
  | { readonly kind: "silent" }
  /** The connection is cut once the request has been read. */
  | { readonly kind: "reset" }
  /** 200 with a page of HTML, as a proxy that wants somebody to log in would say. */
  | { readonly kind: "garbage" };

/** What the stand-in does wrong on purpose, an endpoint at a time. */
export class ApiFaults {
  readonly #faults = new Map<Endpoint, { readonly fault: ApiFault; left: number }>();

  /** From now on, or for the next `times` requests. */
  set(endpoint: Endpoint, fault: ApiFault, times = Number.POSITIVE_INFINITY): void {
    this.#faults.set(endpoint, { fault, left: times });
  }

  clear(): void {
    this.#faults.clear();
  }

  /** What to do wrong with a request that has just come. */
  take(endpoint: Endpoint): ApiFault | undefined {
    const set = this.#faults.get(endpoint);
    if (set === undefined) return undefined;
    set.left -= 1;
    if (set.left <= 0) this.#faults.delete(endpoint);
    return set.fault;
  }
}
