import type { Socket } from "node:net";
import { sourceOf } from "./source.ts";

/** A connection on its way in. */
export interface Visitor {
  readonly raw: Socket;
  /** `address:port`, for logs and records. */
  readonly peer: string;
  /** Who counts as one; see source.ts. */
  readonly source: string;
  /** Both ends of the connection: the same for the raw socket and for the TLS socket around it. */
  readonly ends: string;
}

/** Undefined if the far side has gone already. */
export function visitorOf(raw: Socket): Visitor | undefined {
  const { remoteAddress, remotePort } = raw;
  const ends = endsOf(raw);
  if (remoteAddress === undefined || remotePort === undefined || ends === undefined) return undefined;
  const host = remoteAddress.includes(":") ? `[${remoteAddress}]` : remoteAddress;
  return { raw, ends, peer: `${host}:${remotePort}`, source: sourceOf(remoteAddress) };
}

export function endsOf(socket: Socket): string | undefined {
  const { remoteAddress, remotePort, localAddress, localPort } = socket;
  return remoteAddress === undefined || localAddress === undefined
    ? undefined
    : `${remoteAddress} ${remotePort} ${localAddress} ${localPort}`;
}
