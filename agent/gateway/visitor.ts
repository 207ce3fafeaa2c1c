import type { Socket } from "node:net";
import { sourceOf } from "./source.ts";

/** A connection on its way in. */
export interface Visitor {
  readonly raw: Socket;
  /** `address:port`, for logs and records. */
  readonly peer: string;
  /** Who counts as one; see source.ts. */
  readonly source: string;
  /** A byte has come. A load balancer's probe never sends one. */
  hasSpoken: boolean;
}

/** Undefined if the far side has gone already. */
export function visitorOf(raw: Socket): Visitor | undefined {
  const { remoteAddress, remotePort } = raw;
  if (remoteAddress === undefined || remotePort === undefined) return undefined;
  const host = remoteAddress.includes(":") ? `[${remoteAddress}]` : remoteAddress;
  return { raw, peer: `${host}:${remotePort}`, source: sourceOf(remoteAddress), hasSpoken: false };
}
