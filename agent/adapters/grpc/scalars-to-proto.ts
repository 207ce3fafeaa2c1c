import type { Duration } from "./gen/google/protobuf/duration.ts";

const UINT32_MAX = 0xffff_ffff;

/**
 * What we measured must never keep us from reporting: the encoder throws at a number that its field
 * cannot hold, so each is brought into range here. What is not a number becomes 0.
 */
export function uint32(value: number): number {
  return Number.isNaN(value) ? 0 : Math.trunc(Math.min(Math.max(value, 0), UINT32_MAX));
}

export function uint64(value: number): bigint {
  return Number.isNaN(value) ? 0n : BigInt(Math.trunc(Math.min(Math.max(value, 0), Number.MAX_SAFE_INTEGER)));
}

/** Unix time in ms; a time that is none is left out. */
export function time(ms: number | undefined): Date | undefined {
  const date = ms === undefined ? undefined : new Date(ms);
  return date === undefined || Number.isNaN(date.getTime()) ? undefined : date;
}

export function duration(ms: number): Duration {
  const whole = uint64(ms);
  return { seconds: whole / 1_000n, nanos: Number(whole % 1_000n) * 1_000_000 };
}

export function hexBytes(hex: string): Uint8Array {
  return Buffer.from(hex, "hex");
}
