import { setTimeout as sleep } from "node:timers/promises";
import { expect, it } from "vitest";
import { systemClock } from "../../agent/adapters/clock/system-clock.ts";
import { Phase } from "../../agent/adapters/grpc/gen/builder/agent/v1/observed_state.ts";
import type { Clock } from "../../agent/ports/clock.ts";
import type { FleetMachine } from "../../bench/fleet/machine/machine.ts";
import type { Call } from "../../bench/fleet/machine/watched-plane.ts";
import { EmbeddedControlPlane } from "../../sandbox/control-plane/embedded-control-plane.ts";
import { DEADLINE_MS, SmallFleet } from "./small-fleet.ts";

const MINUTE_MS = 60_000;
const OFF_BY_MS = [-120, -61, -30, -5, 0, 5, 30, 61, 120].map((minutes) => minutes * MINUTE_MS);
/** A loop of registrations begins with pauses of a second. */
const WATCHED_MS = 6_000;
/** Certificates are renewed no sooner. */
const LIFETIME_MS = 60 * MINUTE_MS;

/** A wall clock that is off until a time server sets it right. */
class OffClock implements Clock {
  readonly #system = systemClock();
  aheadMs: number;

  constructor(aheadMs: number) {
    this.aheadMs = aheadMs;
  }
  now(): ReturnType<Clock["now"]> {
    const { wallMs, monoMs } = this.#system.now();
    return { wallMs: wallMs + this.aheadMs, monoMs };
  }
  sleep(ms: number, signal: AbortSignal): Promise<void> {
    return this.#system.sleep(ms, signal);
  }
  random(): number {
    return this.#system.random();
  }
}

it("a machine whose clock is hours off registers once, names the clock, and is ready once that is set right", async () => {
  await using plane = await EmbeddedControlPlane.listen({
    machineCertificateLifetimeMs: LIFETIME_MS,
    servingCertificateLifetimeMs: LIFETIME_MS,
    heartbeatMs: 500,
  });
  const clocks = OFF_BY_MS.map((aheadMs) => ({ aheadMs, clock: new OffClock(aheadMs), calls: new Array<Call>() }));
  await using fleet = await SmallFleet.boot(plane, clocks.length, (at) => ({
    clock: clocks[at]!.clock,
    onCall: (call) => void clocks[at]!.calls.push(call),
  }));
  const machines = clocks.map((one, at) => ({ ...one, machine: fleet.machines[at]! }));
  const seen = (name: string) => plane.machines().find(({ facts }) => facts.bootId === name)?.observed;
  const isReady = ({ machine }: { machine: FleetMachine }) => seen(machine.name)?.phase === Phase.READY;
  const clockSays = ({ machine }: { machine: FleetMachine }): string =>
    seen(machine.name)?.conditions.find(({ name }) => name === "clock")?.message ?? "";
  const isTold = (one: (typeof machines)[number]) =>
    one.aheadMs === 0 || clockSays(one).includes(one.aheadMs > 0 ? "ahead of the control" : "behind the control");

  await plane.until(() => machines.every(isTold), { what: "each to tell its clock", deadlineMs: DEADLINE_MS });
  await sleep(WATCHED_MS);
  for (const { aheadMs, calls } of machines)
    expect(calls, `${aheadMs} ms ahead`).toEqual(["GetChallenge", "Register", "Attach", "attached"]);
  expect(machines.filter(isReady).map(({ aheadMs }) => aheadMs / MINUTE_MS)).toEqual([-5, 0, 5, 30]);

  for (const { clock } of machines) clock.aheadMs = 0;
  await plane.until(() => machines.every(isReady), { what: "all to be ready", deadlineMs: DEADLINE_MS });
  await sleep(WATCHED_MS);
  // A clock that leaps may be a machine that slept: the time is asked for, and its stream may seem
  // to have been silent for hours, if nobody spoke since.
  const MAY_FOLLOW: readonly Call[] = ["GetChallenge", "Attach", "attached"];
  for (const { aheadMs, calls } of machines) {
    const more = calls.slice(4);
    expect(
      more.filter((call) => !MAY_FOLLOW.includes(call)),
      `${aheadMs} ms ahead`,
    ).toEqual([]);
    expect(new Set(more).size, `${aheadMs} ms ahead: ${more.join(", ")}`).toBe(more.length);
  }
}, 120_000);
