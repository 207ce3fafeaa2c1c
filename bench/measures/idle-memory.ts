import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { LoadClient } from "../load/load-client.ts";
import { type Memory, memoryOf } from "../process/usage.ts";
import type { Proxies } from "../subjects/lineup.ts";
import type { Ground, StartSubject, SubjectName } from "../subjects/subject.ts";
import { SESSIONS } from "./effort.ts";
import type { Figures } from "./figures.ts";

/** As long as it takes Node to give back what the handshakes needed, if it does. */
const WATCH_MS = 2_000;
const LOOK_EVERY_MS = 100;

/** All proxies, one after the other, each freshly started. */
export async function measureIdleMemory(
  proxies: Proxies,
  client: LoadClient,
  ground: Ground,
  report: (subject: SubjectName, figures: Figures) => void,
): Promise<void> {
  for (const [name, start] of proxies)
    report(name, await idleMemory(start, client, { ...ground, dir: join(ground.dir, name) }));
}

/**
 * Resident memory of a fresh proxy without a session, and the most that it holds while 200 sessions
 * do nothing.
 */
async function idleMemory(start: StartSubject, client: LoadClient, ground: Ground): Promise<Figures> {
  await mkdir(ground.dir, { recursive: true });
  await using subject = await start(ground);
  if (subject.proxyPid === undefined) return {};
  const empty = await mostResident(subject.proxyPid, ground.signal);
  await using sessions = await client.idle(subject, SESSIONS, ground.signal);
  const idle = await mostResident(subject.proxyPid, ground.signal);
  return {
    emptyResident: empty.resident / 1e6,
    idleResident: idle.resident / 1e6,
    idleSession: (idle.resident - empty.resident) / sessions.open / 1e3,
    idlePss: idle.pss / 1e6,
    idlePrivate: idle.private / 1e6,
  };
}

/** As it was when most was resident. */
async function mostResident(pid: number, signal: AbortSignal): Promise<Memory> {
  const endMs = performance.now() + WATCH_MS;
  let most = await memoryOf(pid);
  while (performance.now() < endMs) {
    await sleep(LOOK_EVERY_MS, undefined, { signal });
    const now = await memoryOf(pid);
    if (now.resident > most.resident) most = now;
  }
  return most;
}
