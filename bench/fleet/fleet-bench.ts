import { setMaxListeners } from "node:events";
import { cpus, loadavg, totalmem } from "node:os";
import { Deadline } from "../../sandbox/deadline.ts";
import { BenchFailed } from "../failure.ts";
import { say } from "../output.ts";
import { residentBytes } from "../process/usage.ts";
import { Fleet } from "./fleet.ts";
import type { FleetOptions } from "./options.ts";
import { attaching } from "./phases/attaching.ts";
import { caChange } from "./phases/ca-change.ts";
import { drainAll } from "./phases/drain.ts";
import { oneByOne } from "./phases/fan-out.ts";
import { outage } from "./phases/outage.ts";
import { residentOfAll } from "./phases/processor.ts";
import { steady } from "./phases/steady.ts";
import type { FleetResult } from "./result.ts";

/** Beside what is asked to take its time: all phases of 1,000 agents on two busy cores. */
const LIMIT_MS = 600_000;
/** So many machines have builds while the CA changes, and get a change of their own. */
const MOST_SAMPLED = 100;

/**
 * A fleet of real control loops and its control plane, through what happens to fleets. Everything
 * that it starts has ended when it returns or throws. @throws {BenchFailed}
 */
export async function benchFleet(options: FleetOptions, outer: AbortSignal): Promise<FleetResult> {
  const limitMs = limitOf(options);
  using deadline = new Deadline(limitMs, outer);
  try {
    return await measure(options, deadline.signal);
  } catch (cause) {
    if (outer.aborted || !deadline.hasExpired) throw cause;
    throw new BenchFailed(`The bench was not over after ${limitMs / 1_000} s: take fewer agents.`, { cause });
  }
}

function limitOf({ bootOverMs, goneMs, steadyMs }: FleetOptions): number {
  return LIMIT_MS + bootOverMs + goneMs + steadyMs;
}

async function measure(options: FleetOptions, outer: AbortSignal): Promise<FleetResult> {
  const { agents, processes, bootOverMs, goneMs, steadyMs } = options;
  const startedMs = performance.now();
  const startedAt = new Date().toISOString();
  const [loadAverage = Number.NaN] = loadavg();
  const lost = new AbortController();
  using limit = new Deadline(limitOf(options), outer, lost.signal);
  const { signal } = limit;
  // Many wait with it at a time.
  setMaxListeners(0, signal);

  await using fleet = await Fleet.found(agents, (failure) => lost.abort(failure));
  await fleet.muster(processes, signal);
  const empty = { agents: await residentOfAll(fleet), plane: await residentBytes(process.pid) };
  const sampled = fleet.names.slice(0, MOST_SAMPLED);

  say(`${agents} machines boot within ${bootOverMs / 1_000} s`);
  const burst = await attaching(fleet, async () => fleet.boot(bootOverMs), signal);
  say(`all are ready after ${burst.secondsToAllReady.toFixed(1)} s; idle for ${steadyMs / 1_000} s`);
  const idle = await steady(fleet, empty, steadyMs, signal);
  const oneChange = await oneByOne(fleet, sampled, signal);
  say(`the control plane is gone for ${goneMs / 1_000} s`);
  const back = await outage(fleet, goneMs, signal);
  say(`95 % were back after ${back.secondsTo95Attached.toFixed(1)} s; the builds' CA changes`);
  const change = await caChange(fleet, sampled, signal);
  say(`${change.failedHandshakes} of ${change.handshakes} handshakes failed; all drain`);
  const drain = await drainAll(fleet, signal);

  const [cpu] = cpus();
  return {
    schemaVersion: 1,
    startedAt,
    seconds: (performance.now() - startedMs) / 1_000,
    agents,
    processes,
    bootOverSeconds: bootOverMs / 1_000,
    goneSeconds: goneMs / 1_000,
    machine: {
      cpu: cpu?.model.trim() ?? "unknown",
      cores: cpus().length,
      memoryGb: Math.round(totalmem() / 1e9),
      node: process.versions.node,
      loadAverage,
    },
    burst,
    steady: idle,
    oneChange,
    outage: back,
    caChange: change,
    drain,
  };
}
