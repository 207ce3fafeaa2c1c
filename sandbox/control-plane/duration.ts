import type { Duration } from "../../agent/adapters/grpc/gen/google/protobuf/duration.ts";

export function durationOf(ms: number): Duration {
  return { seconds: BigInt(Math.trunc(ms / 1_000)), nanos: (ms % 1_000) * 1_000_000 };
}
