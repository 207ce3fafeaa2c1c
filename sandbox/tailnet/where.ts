import type { EnteredCommand } from "../net/place.ts";

/** In which network something of the far end lives, and at which of its addresses. */
export interface Where {
  /** Default 127.0.0.1. An address that is there already. */
  readonly host?: string;
  /** How a program is started there, as `NetworkNamespace.enter` does; absent: in this process's own network. */
  readonly enter?: (command: string, args?: readonly string[]) => EnteredCommand;
}

export const LOOPBACK = "127.0.0.1";
