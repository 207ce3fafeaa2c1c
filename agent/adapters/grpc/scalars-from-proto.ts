import { isId } from "../../core/build-identity.ts";
import { ContractBreach, quoted } from "./contract-breach.ts";
import type { Duration } from "./gen/google/protobuf/duration.ts";

/** Each takes the field's name as the contract spells it. @throws {ContractBreach} */

export function required<T>(field: string, value: T | undefined): T {
  if (value === undefined) throw new ContractBreach(field, "is missing");
  return value;
}

/** @throws {ContractBreach} if there are more than the contract allows. `of`: what is counted. */
export function requireAtMost(field: string, count: number, limit: number, of = "entries"): void {
  if (count > limit) throw new ContractBreach(field, `has ${count} ${of}, more than the limit of ${limit}`);
}

export function id(field: string, value: string): string {
  if (value === "") throw new ContractBreach(field, "is missing");
  if (!isId(value)) throw new ContractBreach(field, `is ${quoted(value)}, not an id`);
  return value;
}

/** Unix time in ms, fractions cut off. */
export function timeMs(field: string, value: Date | undefined): number {
  const ms = required(field, value).getTime();
  if (!Number.isFinite(ms)) throw new ContractBreach(field, "is not a time");
  return ms;
}

/** Milliseconds, fractions cut off, between 0 and `maxMs`. */
export function durationMs(field: string, value: Duration, maxMs: number): number {
  const ms = Number(value.seconds) * 1_000 + Math.trunc(value.nanos / 1_000_000);
  if (!(ms >= 0 && ms <= maxMs)) throw new ContractBreach(field, `is not between 0 and ${maxMs / 1_000} s`);
  return ms;
}

export function safeInteger(field: string, value: bigint): number {
  if (value > BigInt(Number.MAX_SAFE_INTEGER)) throw new ContractBreach(field, `is ${value}, too large`);
  return Number(value);
}

const SHA256_BYTES = 32;

/** Lower-case hex; undefined if the field is empty. */
export function sha256Hex(field: string, value: Uint8Array): string | undefined {
  if (value.length === 0) return undefined;
  if (value.length !== SHA256_BYTES) throw new ContractBreach(field, `has ${value.length} bytes, not ${SHA256_BYTES}`);
  return Buffer.from(value).toString("hex");
}
