import type { NetworkPlace } from "../net/place.ts";

/** In which network something of the far end lives, and at which of its addresses. */
export interface Where {
  /** Default 127.0.0.1. An address that is there already. */
  readonly host?: string;
  /** Default: this process's own network. */
  readonly place?: Pick<NetworkPlace, "enter">;
}

export const LOOPBACK = "127.0.0.1";
