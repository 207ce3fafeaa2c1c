import { Phase } from "../../agent/adapters/grpc/gen/builder/agent/v1/observed_state.ts";
import { BuildSession } from "../../bench/fleet/build-client.ts";
import { FleetMachine, type MachineOptions } from "../../bench/fleet/machine/machine.ts";
import type { EmbeddedControlPlane, OpenedBuild } from "../../sandbox/control-plane/embedded-control-plane.ts";
import type { Machine } from "../../sandbox/control-plane/machine.ts";

export const FOREVER = new AbortController().signal;
/** Generous: a slow machine that others use too. */
export const DEADLINE_MS = 55_000;

type Options = Partial<Omit<MachineOptions, "name" | "proof">>;

/** Machines in this process, each of a project of its own. */
export class SmallFleet implements AsyncDisposable {
  readonly plane: EmbeddedControlPlane;
  readonly machines: readonly FleetMachine[];

  private constructor(plane: EmbeddedControlPlane, machines: readonly FleetMachine[]) {
    this.plane = plane;
    this.machines = machines;
  }

  /** Resolves once all are attached and ready. */
  static async of(
    plane: EmbeddedControlPlane,
    size: number,
    options: (at: number) => Options = () => ({}),
  ): Promise<SmallFleet> {
    const fleet = await SmallFleet.boot(plane, size, options);
    await fleet.allReady();
    return fleet;
  }

  /** Waits for nothing. */
  static async boot(
    plane: EmbeddedControlPlane,
    size: number,
    options: (at: number) => Options = () => ({}),
  ): Promise<SmallFleet> {
    const names = Array.from({ length: size }, (_, at) => `machine-${at + 1}`);
    const machines = await Promise.all(
      names.map((name, at) =>
        FleetMachine.boot({ name, proof: plane.issueJoinToken(projectOf(name)), plane, ...options(at) }),
      ),
    );
    return new SmallFleet(plane, machines);
  }

  async allReady(): Promise<void> {
    const isReady = ({ link, observed }: Machine): boolean => link !== undefined && observed?.phase === Phase.READY;
    const all = (): boolean => this.plane.machines().filter(isReady).length === this.machines.length;
    await this.plane.until(all, { what: "all machines to be ready", deadlineMs: DEADLINE_MS });
  }

  /** This machine as its control plane knows it. */
  known({ name }: FleetMachine): Machine {
    const machine = this.plane.machines().find(({ facts }) => facts.bootId === name);
    if (machine === undefined) throw new Error(`${name} has not registered`);
    return machine;
  }

  openBuild({ name }: FleetMachine): Promise<OpenedBuild> {
    return this.plane.openBuild(projectOf(name));
  }

  dial(machine: FleetMachine, ticket: OpenedBuild): Promise<BuildSession> {
    return BuildSession.open(machine.gateway.port, this.known(machine).serverName, ticket, FOREVER);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.machines.map((machine) => machine[Symbol.asyncDispose]()));
  }
}

export function projectOf(name: string): { readonly org: string; readonly project: string } {
  return { org: "fleet", project: name };
}
