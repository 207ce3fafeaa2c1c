import type { Drain } from "../../agent/adapters/grpc/gen/builder/agent/v1/desired_state.ts";

export interface DrainOrder {
  readonly reason: string;
  readonly graceMs: number;
}

export function drainOf({ reason, graceMs }: DrainOrder): Drain {
  return { reason, grace: { seconds: BigInt(Math.trunc(graceMs / 1_000)), nanos: (graceMs % 1_000) * 1_000_000 } };
}
