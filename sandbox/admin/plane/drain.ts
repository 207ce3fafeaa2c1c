import { Phase } from "../../../agent/adapters/grpc/gen/builder/agent/v1/observed_state.ts";
import type { EmbeddedControlPlane } from "../../control-plane/embedded-control-plane.ts";
import type { Machine } from "../../control-plane/machine.ts";
import { projectName } from "../../control-plane/project-ref.ts";
import type { PlaneRequest } from "./request.ts";

type Order = Extract<PlaneRequest, { verb: "machine-drain" }>;

/** Orders it, and answers when those that are attached have begun, or are gone already. */
export async function drainMachines(
  plane: EmbeddedControlPlane,
  { of, reason, graceMs }: Order,
): Promise<readonly { readonly machineId: string; readonly told: boolean }[]> {
  const machines = plane.machines().filter((machine) => isMeant(machine, of));
  const [first] = machines;
  if (first === undefined)
    throw new Error(
      "machineId" in of
        ? `No machine ${of.machineId} is registered here.`
        : `No machine of ${projectName(of)} is registered here.`,
    );
  const attached = new Set(machines.filter(({ link }) => link !== undefined));
  plane.drainMachines(
    first.project.ref,
    machines.map(({ id }) => id),
    { reason, graceMs },
  );
  await plane.until(() => [...attached].every((machine) => hasBegun(machine)), { what: "the machines to drain" });
  return machines.map((machine) => ({ machineId: machine.id, told: attached.has(machine) }));
}

function isMeant({ id, project }: Machine, of: Order["of"]): boolean {
  return "machineId" in of ? id === of.machineId : projectName(project.ref) === projectName(of);
}

function hasBegun({ link, observed }: Machine): boolean {
  return link === undefined || observed?.phase === Phase.DRAINING || observed?.phase === Phase.STOPPING;
}
