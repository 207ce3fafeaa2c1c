import { BUILD_FAULTS } from "./builds.ts";
import type { Fault, Lane } from "./fault.ts";
import { MACHINE_FAULTS } from "./machine.ts";
import { OPERATOR_FAULTS } from "./operator.ts";
import { PLANE_FAULTS } from "./plane.ts";
import { PLATFORM_FAULTS } from "./platform.ts";
import { PROCESS_FAULTS } from "./processes.ts";
import { WAY_FAULTS } from "./way.ts";

/** Everything that may go wrong, by its name in schedules. */
export const FAULTS: Readonly<Record<string, Fault>> = {
  ...PROCESS_FAULTS,
  ...PLANE_FAULTS,
  ...WAY_FAULTS,
  ...MACHINE_FAULTS,
  ...PLATFORM_FAULTS,
  ...BUILD_FAULTS,
  ...OPERATOR_FAULTS,
};

export const LANES: readonly Lane[] = ["processes", "plane", "machine", "builds", "operator"];

/** @throws {Error} naming it, where there is no such fault. */
export function faultOf(is: string): Fault {
  const fault = FAULTS[is];
  if (fault === undefined) throw new Error(`There is no fault ${is}; there are ${Object.keys(FAULTS).join(", ")}`);
  return fault;
}
