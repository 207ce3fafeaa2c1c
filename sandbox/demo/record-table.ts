import { SessionEnding } from "../../agent/adapters/grpc/gen/builder/agent/v1/observed_state.ts";
import type { StoredRecord } from "../control-plane/record-book.ts";
import { columns } from "./columns.ts";
import { duration } from "./narrator.ts";

const ENDINGS = new Map<number, string>(Object.entries(SessionEnding).map(([name, number]) => [number, name]));

/** Session records as a person reads them. */
export function recordTable(records: readonly StoredRecord[]): string {
  const rows = records.map((record) => [
    `${record.sequence}`,
    record.buildId,
    record.peer,
    bytes(record.bytesFromClient),
    bytes(record.bytesToClient),
    duration(Number(record.duration?.seconds ?? 0n) * 1_000 + (record.duration?.nanos ?? 0) / 1e6),
    (ENDINGS.get(record.ending) ?? `${record.ending}`).toLowerCase().replaceAll("_", "-"),
  ]);
  return columns([["#", "build", "client", "sent", "received", "lasted", "ending"], ...rows]);
}

function bytes(count: bigint): string {
  return count < 1_000_000n ? `${(Number(count) / 1e3).toFixed(1)} kB` : `${(Number(count) / 1e6).toFixed(1)} MB`;
}
