import type { Clock } from "../../ports/clock.ts";
import type { Gateway } from "../../ports/gateway.ts";
import type { Log } from "../../ports/log.ts";

/** The gateway over its unix socket. Connects when `events` is called, and again 50 ms to 1 s after each loss, until its signal. */
export function connectToGateway(options: {
  readonly path: string;
  readonly clock: Clock;
  readonly log: Log;
}): Gateway {
  throw new Error(options.path);
}
