/** What a stand-in does wrong on purpose. */
export type MetadataFault =
  /** The request is read and never answered, as beyond the hop limit. */
  | { readonly kind: "hang" }
  /** The connection is cut once the request has been read. */
  | { readonly kind: "reset" }
  /** This status, with a page of HTML. */
  | { readonly kind: "status"; readonly status: number }
  /** 200 with a page of HTML, as a portal that wants somebody to log in would say. */
  | { readonly kind: "page" }
  /** The right answer under another media type. */
  | { readonly kind: "type"; readonly type: string }
  /** Half of the right answer, then the connection is cut. */
  | { readonly kind: "truncated" }
  /** Half of the right answer, whole as HTTP sees it. */
  | { readonly kind: "halved" }
  /** The right answer, a byte at a time. */
  | { readonly kind: "drip"; readonly everyMs: number }
  /** More bytes than anybody wants. */
  | { readonly kind: "flood" }
  /** Bytes that are not HTTP. */
  | { readonly kind: "noise" }
  /** Go and ask there. */
  | { readonly kind: "redirect"; readonly to: string }
  /** An answer to an earlier question: another nonce, another audience. */
  | { readonly kind: "stale" };

/** By path, or for "*": all of them. */
export class MetadataFaults {
  readonly #faults = new Map<string, { readonly fault: MetadataFault; left: number }>();

  /** From now on, or for the next `times` requests. */
  set(path: string, fault: MetadataFault, times = Number.POSITIVE_INFINITY): void {
    this.#faults.set(path, { fault, left: times });
  }

  /** Those in force: with how often each is to come. */
  list(): readonly { readonly path: string; readonly fault: MetadataFault; readonly left: number }[] {
    return [...this.#faults].map(([path, set]) => ({ path, ...set })).filter(({ left }) => left > 0);
  }

  clear(): void {
    this.#faults.clear();
  }

  take(path: string): MetadataFault | undefined {
    const set = this.#faults.get(path) ?? this.#faults.get("*");
    if (set === undefined || set.left <= 0) return undefined;
    set.left -= 1;
    return set.fault;
  }
}
