/** How much of the machine strangers may hold. A source is an IPv4 address or an IPv6 /64. */
export interface GatewayLimits {
  /** Sessions and pending handshakes together. */
  readonly maxConnections: number;
  readonly maxConnectionsPerSource: number;
  /** Accepted, and not yet through the TLS handshake. */
  readonly maxPendingHandshakes: number;
  readonly maxPendingHandshakesPerSource: number;
  readonly handshakeTimeoutMs: number;
  /** A client has one or two; a bake of many targets has dozens. */
  readonly maxSessionsPerBuildPerMinute: number;
}

export const DEFAULT_LIMITS: GatewayLimits = {
  maxConnections: 1024,
  maxConnectionsPerSource: 256,
  maxPendingHandshakes: 256,
  maxPendingHandshakesPerSource: 128,
  handshakeTimeoutMs: 10_000,
  maxSessionsPerBuildPerMinute: 300,
};
