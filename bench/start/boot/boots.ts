import { setTimeout as sleep } from "node:timers/promises";
import { Phase } from "../../../agent/adapters/grpc/gen/builder/agent/v1/observed_state.ts";
import type { Machine } from "../../../test/nspawn/stage/machine.ts";
import { BenchFailed } from "../../failure.ts";
import { say } from "../../output.ts";
import type { BootRecord } from "./boot-record.ts";
import { type Boot, boot } from "./chapters.ts";
import { processorTimes } from "./processor-time.ts";
import { eventsOf, unitsOf } from "./read-boot.ts";
import { WatchedPrograms } from "./watched-programs.ts";

const READY_MS = 60_000;
/** Until what the boot before has left is written, and what it has freed is free. */
const QUIET_MS = 1_500;

/** One more than `count`: the first fills the page cache, and does not count. */
export async function takeBoots(machine: Machine, count: number, signal: AbortSignal): Promise<readonly Boot[]> {
  const taken: Boot[] = [];
  for (let round = 0; round <= count; round += 1) {
    const record = await takeBoot(machine, signal);
    const one = boot(record);
    say(
      `boot ${round === 0 ? "before the first" : round}: ready after ${Math.round(one.totalMs)} ms, ${Math.round(one.ownMs)} of them the agent's`,
    );
    if (round > 0) taken.push(one);
  }
  return taken;
}

/** Nobody looks into the machine before it is ready: what asks takes its cores. */
export async function takeBoot(machine: Machine, signal: AbortSignal): Promise<BootRecord> {
  if (machine.isOn) await machine.container[Symbol.asyncDispose]();
  await sleep(QUIET_MS, undefined, { signal });
  await using watched = await WatchedPrograms.start(machine.group);
  const before = new Set(machine.plane.machines().map(({ observed }) => observed));
  await machine.powerOn();
  const isReady = (): boolean =>
    machine.plane.machines().some(({ observed }) => observed?.phase === Phase.READY && !before.has(observed));
  await machine.plane.until(isReady, { what: "the machine to be ready", deadlineMs: READY_MS, signal });
  const processor = await processorTimes(machine.group);
  await sleep(QUIET_MS, undefined, { signal });
  const programs = watched.programs();
  const units = await unitsOf(machine.container);
  const sinceMs = Math.min(...units.map(({ startedMs }) => startedMs));
  if (!Number.isFinite(sinceMs)) throw new BenchFailed("No unit of the agent started in this boot.");
  return { processor, units, programs, events: await eventsOf(machine.container, sinceMs) };
}
