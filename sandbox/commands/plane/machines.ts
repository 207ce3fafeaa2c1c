import { resolve } from "node:path";
import { askPlane, forgottenMachine, type ListedMachine, listedMachines } from "../../admin/plane/request.ts";
import type { Terminal } from "../../terminal/terminal.ts";
import type { InDir } from "../builds.ts";

export async function listMachines(options: InDir, { out, paint }: Terminal): Promise<void> {
  const machines = listedMachines.parse(await askPlane(resolve(options.dir), { verb: "machine-list" }));
  if (options.json === true) return out(JSON.stringify(machines, null, 2));
  if (machines.length === 0) return out(paint("dim", "No machine has registered."));
  for (const machine of machines) out(inWords(machine, paint));
}

export interface ForgetOptions extends InDir {
  readonly machine: string;
}

/** @throws {SandboxFailure} when there is no such machine, or it is attached. */
export async function forgetMachine(options: ForgetOptions, { out }: Terminal): Promise<void> {
  const { machine: machineId, json } = options;
  const forgotten = forgottenMachine.parse(await askPlane(resolve(options.dir), { verb: "machine-forget", machineId }));
  if (json === true) return out(JSON.stringify(forgotten, null, 2));
  out(`Machine ${machineId} is forgotten: its certificates are good for nothing, and its instance may come anew.`);
}

function inWords(machine: ListedMachine, paint: Terminal["paint"]): string {
  const { machineId, org, project, architecture, attached, since, address, phase, ready, reasons, versions } = machine;
  const where = attached ? `attached since ${since} from ${address ?? "somewhere"}` : `not attached since ${since}`;
  const state = ready ? paint("green", "ready") : paint("yellow", `not ready (${phase ?? "phase unknown"})`);
  const programs = versions && `agent ${versions.agent}, Node ${versions.node}, BuildKit ${versions.buildkit}`;
  const { instance, generation } = machine;
  const life = instance === undefined ? [] : [paint("dim", `${instance}, generation ${generation}`)];
  const details = [
    ...(ready ? [] : reasons),
    ...endingInWords(machine),
    ...life,
    ...(programs === undefined ? [] : [paint("dim", programs)]),
  ];
  return [
    `${paint("bold", machineId)}  ${org}/${project}  ${architecture}  ${state}  ${where}`,
    ...details.map((detail) => `    ${detail}`),
  ].join("\n");
}

function endingInWords({ ending }: ListedMachine): readonly string[] {
  if (ending === undefined) return [];
  const { deadline, deadlineOf, at, steps } = ending;
  const taken = steps.map(
    ({ name, outcome, tookMs }) =>
      `${name} ${(tookMs / 1_000).toFixed(1)} s${outcome === "done" ? "" : ` (${outcome})`}`,
  );
  return [
    `ends: open builds are cut at ${deadline}, by order of ${deadlineOf}; now at ${at}`,
    ...(taken.length === 0 ? [] : [`over: ${taken.join(", ")}`]),
  ];
}
