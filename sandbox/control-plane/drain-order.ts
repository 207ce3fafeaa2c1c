import type { Drain } from "../../agent/adapters/grpc/gen/builder/agent/v1/desired_state.ts";
import { durationOf } from "./duration.ts";

export interface DrainOrder {
  readonly reason: string;
  readonly graceMs: number;
}

export function drainOf({ reason, graceMs }: DrainOrder): Drain {
  return { reason, grace: durationOf(graceMs) };
}
