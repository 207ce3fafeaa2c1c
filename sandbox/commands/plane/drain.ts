import { resolve } from "node:path";
import { askPlane, drainedMachines } from "../../admin/plane/request.ts";
import { EXIT, SandboxFailure } from "../../failure.ts";
import type { Terminal } from "../../terminal/terminal.ts";
import type { InDir } from "../builds.ts";

export interface DrainOptions extends InDir {
  readonly machine?: string;
  readonly org?: string;
  readonly project?: string;
  readonly grace: number;
}

/** Returns when the machines that are attached have begun. @throws {SandboxFailure} */
export async function drainMachine(options: DrainOptions, { out }: Terminal): Promise<void> {
  const { grace, json } = options;
  const reason = "asked for at the command line";
  const request = { verb: "machine-drain", of: whichMachines(options), reason, graceMs: grace } as const;
  const machines = drainedMachines.parse(await askPlane(resolve(options.dir), request));
  if (json === true) return out(JSON.stringify(machines, null, 2));
  for (const { machineId, told } of machines) {
    const how = told ? `drains: open builds may take ${grace / 1_000} s more` : "is not attached: it drains once it is";
    out(`Machine ${machineId} ${how}.`);
  }
}

function whichMachines({
  machine,
  org,
  project,
}: DrainOptions): { machineId: string } | { org: string; project: string } {
  if (machine !== undefined && org === undefined && project === undefined) return { machineId: machine };
  if (machine === undefined && org !== undefined && project !== undefined) return { org, project };
  throw new SandboxFailure(EXIT.usage, "Either --machine, or --org and --project: say which machines are to drain.");
}
