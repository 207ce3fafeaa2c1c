import { afterAll, beforeAll } from "vitest";
import { Machine, type MachineOptions } from "./machine.ts";
import { canBoot, needsMachine } from "./whether.ts";

/**
 * One machine for all tests of a file, up before the first and off after the last; each test is
 * skipped where none can be.
 */
export function sharedMachine(options?: MachineOptions): () => Machine {
  let machine: Machine | undefined;
  needsMachine();
  beforeAll(async () => {
    if (canBoot()) machine = await Machine.up(options);
  }, 120_000);
  afterAll(async () => {
    await machine?.[Symbol.asyncDispose]();
  });
  return () => {
    if (machine === undefined) throw new Error("The machine is not up");
    return machine;
  };
}
