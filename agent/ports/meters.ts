import type { GatewayStats } from "./gateway.ts";

/** Prometheus instruments, by what happened. No build ids: labels are few and fixed. */
export interface Meters {
  gateway(stats: GatewayStats): void;
  gatewayLost(): void;
  sessionClosed(ending: string, durationMs: number, bytesFromClient: number, bytesToClient: number): void;
  planeAttached(attached: boolean): void;
  planeCallFailed(call: string, status: string): void;
  messageRefused(kind: string): void;
  buildkitExited(kind: string): void;
  /** @param outcome "enough", "too-little", "no-space", "failed". */
  cachePruned(outcome: string, freedBytes: number): void;
  renewalFailed(): void;
}

/** What the wire to the control plane counts by itself. */
export interface PlaneMeters {
  /**
   * Fields of one message that this agent does not know: a newer control plane's. They are ignored.
   */
  unknownFields(count: number): void;
}
