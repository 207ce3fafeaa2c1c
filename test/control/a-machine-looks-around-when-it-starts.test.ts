import { expect, it } from "vitest";
import { lookAround } from "../../agent/control/boot.ts";
import type { Machine } from "../../agent/ports/machine.ts";
import { ManualClock, settle } from "./manual-clock.ts";
import { notebook } from "./stand-ins.ts";

const OWN = { startedMonoMs: 5, capabilities: ["builds"], addresses: { controlPlane: "c", gateway: "g", health: "h" } };

function stage(over: Partial<Machine> = {}) {
  const log = notebook();
  const machine = {
    facts: async () => ({ hostname: "builder" }),
    bootId: async () => "boot-1",
    versions: async () => ({ agent: "1" }),
    ...over,
  } as unknown as Machine; // only these are asked
  const dice = [0, 0.999_999, 0.5, 0.0625];
  let rolled = 0;
  const clock = new ManualClock();
  clock.random = () => dice[rolled++ % dice.length] ?? 0;
  return { log, boot: () => lookAround({ machine, clock, log }, OWN, new AbortController().signal) };
}

it("names its boot, and this start of its process by 16 random hex digits", async () => {
  const { log, boot } = stage();
  const found = await boot();
  await settle();
  expect(found).toMatchObject({ ...OWN, bootId: "boot-1", runId: "0f81".repeat(4) });
  expect(await found.facts).toEqual({ hostname: "builder" });
  expect(log.events).toEqual(["agent.started"]);
});

it("starts though its versions and its inventory cannot be read, and says that it started", async () => {
  const fails = (): Promise<never> => Promise.reject(new Error("killed"));
  const { log, boot } = stage({ facts: fails, versions: fails });
  await expect((await boot()).facts).rejects.toThrow("killed");
  await settle();
  expect(log.events).toEqual(["agent.started"]);
});
