import type { AllowSet } from "../../core/allow-set.ts";
import type { GatewayNews } from "../../ports/control-link.ts";
import type { SentOrder } from "./order-wire.ts";

/**
 * The last wish of each kind, kept so that a gateway that comes back can be told everything anew.
 */
export class Wishes {
  allowSet: AllowSet | undefined;
  certificate: { readonly keySpkiSha256: string; readonly chainPem: string } | undefined;
  /** Until the request for it has come. */
  freshKey = false;
  /** Until the cut is confirmed. */
  cutAll = false;
  #keySpkiSha256: string | undefined;

  /** Takes away what has been fulfilled, and what was meant for a key that is gone. */
  note(news: GatewayNews): void {
    if (news.is === "cut") this.cutAll = false;
    if (news.is !== "hello" && news.is !== "request") return;
    const key = news.request.spkiSha256;
    if (this.#keySpkiSha256 !== undefined && key !== this.#keySpkiSha256) this.freshKey = false;
    if (key !== this.certificate?.keySpkiSha256) this.certificate = undefined;
    this.#keySpkiSha256 = key;
  }

  /** In the order in which a gateway that knows nothing needs them. */
  orders(): readonly SentOrder[] {
    const { allowSet, certificate } = this;
    return [
      ...(allowSet === undefined ? [] : [{ is: "allow" as const, allowSet }]),
      ...(certificate === undefined ? [] : [{ is: "certify" as const, ...certificate }]),
      ...(this.freshKey ? [{ is: "rotate-key" as const }] : []),
      ...(this.cutAll ? [{ is: "cut-all" as const }] : []),
    ];
  }
}
