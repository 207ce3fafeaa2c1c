import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { systemClock } from "../../agent/adapters/clock/system-clock.ts";
import { openRecords, type RecordsOptions } from "../../agent/adapters/records/open-records.ts";
import { listeningLog } from "./sessions.ts";

export async function freshDirectory(): Promise<{ readonly path: string } & AsyncDisposable> {
  const path = await mkdtemp(join(tmpdir(), "records-"));
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) };
}

export function openIn(directory: string, options: Partial<RecordsOptions> = {}): ReturnType<typeof openRecords> {
  return openRecords({ directory, bootId: "boot-1", clock: systemClock(), log: listeningLog(), ...options });
}
