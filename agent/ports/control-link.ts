import type { AllowSet } from "../core/allow-set.ts";
import type { Instant } from "../core/instant.ts";
import type { GatewayEvent } from "./gateway.ts";

/**
 * `control` as the gateway sees it: a voice that comes and goes. The gateway keeps its last orders
 * while control is away. The adapter lets one control in at a time; a newer one replaces the older.
 */
export interface ControlLink {
  /**
   * Everything that control asks, from the moment of the call; ends with `signal`. To be iterated
   * once.
   */
  orders(signal: AbortSignal): AsyncIterable<ControlOrder>;
  /**
   * Tells control, if it is there; what it misses it learns from the next `hello`. Never waits,
   * never throws.
   */
  tell(news: GatewayNews): void;
  /**
   * Connections that were dropped because of what came over them: a malformed line, another
   * version, a line too long.
   */
  readonly faults: number;
  /** Sends what was told, no longer than 1 s, then closes and takes the socket's name away. */
  close(): Promise<void>;
}

export type GatewayNews = Exclude<GatewayEvent, { readonly is: "lost" | "present" }>;

export type ControlOrder =
  /** Control is here. It waits for a `hello`. */
  | { readonly is: "connected" }
  | { readonly is: "lost" }
  | { readonly is: "allow"; readonly allowSet: AllowSet }
  | { readonly is: "confirm"; readonly at: Instant }
  | { readonly is: "certify"; readonly keySpkiSha256: string; readonly chainPem: string }
  | { readonly is: "rotate-key" }
  | { readonly is: "cut-all" }
  | { readonly is: "retire" }
  | { readonly is: "acknowledge"; readonly sessionIds: readonly string[] };
