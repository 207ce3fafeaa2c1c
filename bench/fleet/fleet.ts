import { Phase } from "../../agent/adapters/grpc/gen/builder/agent/v1/observed_state.ts";
import { EmbeddedControlPlane } from "../../sandbox/control-plane/embedded-control-plane.ts";
import type { Machine } from "../../sandbox/control-plane/machine.ts";
import type { ProjectRef } from "../../sandbox/control-plane/project-ref.ts";
import { BenchFailed } from "../failure.ts";
import { Crew } from "./crew/crew.ts";
import { Logbook } from "./crew/logbook.ts";
import { monoMs } from "./crew/words.ts";

/** The contract allows 30 s: a large fleet is spared what it does not need. */
const HEARTBEAT_MS = 25_000;

/** A fleet of machines in a few processes, and the control plane that they belong to. */
export class Fleet implements AsyncDisposable {
  readonly plane: EmbeddedControlPlane;
  readonly logbook = new Logbook();
  readonly names: readonly string[];
  /** When each call came to the plane. */
  readonly arrivedMs: readonly number[];
  readonly #crews: Crew[] = [];
  readonly #lost: (failure: BenchFailed) => void;

  private constructor(
    plane: EmbeddedControlPlane,
    size: number,
    arrivedMs: readonly number[],
    onLost: (failure: BenchFailed) => void,
  ) {
    this.plane = plane;
    this.names = Array.from({ length: size }, (_, at) => `machine-${at + 1}`);
    this.arrivedMs = arrivedMs;
    this.#lost = onLost;
  }

  /** @param onLost is told when a process of machines ends by itself. */
  static async found(size: number, onLost: (failure: BenchFailed) => void): Promise<Fleet> {
    const arrivedMs: number[] = [];
    const plane = await EmbeddedControlPlane.listen({
      heartbeatMs: HEARTBEAT_MS,
      onCall: () => arrivedMs.push(monoMs()),
    });
    return new Fleet(plane, size, arrivedMs, onLost);
  }

  async muster(processes: number, signal: AbortSignal): Promise<void> {
    for (let started = 0; started < processes; started += 1)
      this.#crews.push(await Crew.start((news) => this.logbook.take(news), this.#lost, signal));
  }

  get pids(): readonly number[] {
    return this.#crews.map(({ pid }) => pid);
  }

  /** Every machine at a time of its own within `overMs`, each of a project of its own. */
  boot(overMs: number): void {
    const { endpoint, serverName, caPem } = this.plane;
    const recruits = this.names.map((name) => ({
      name,
      joinToken: this.plane.issueJoinToken(projectOf(name)),
      afterMs: Math.random() * overMs,
    }));
    for (const [at, crew] of this.#crews.entries()) {
      const machines = recruits.filter((_, index) => index % this.#crews.length === at);
      crew.tell({ is: "boot", plane: { endpoint, serverName, caPem }, machines });
    }
  }

  /** How many are attached and ready. */
  get ready(): number {
    const isReady = ({ link, observed }: Machine): boolean => link !== undefined && observed?.phase === Phase.READY;
    return this.plane.machines().filter(isReady).length;
  }

  /** Where a build's client finds this machine. @throws {BenchFailed} if it never registered. */
  doorOf(name: string): { readonly port: number; readonly serverName: string } {
    const port = this.logbook.doors.get(name);
    const machine = this.plane.machines().find(({ facts }) => facts.bootId === name);
    if (port === undefined || machine === undefined) throw new BenchFailed(`${name} has no door yet.`);
    return { port, serverName: machine.serverName };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#crews.map((crew) => crew[Symbol.asyncDispose]()));
    await this.plane[Symbol.asyncDispose]();
  }
}

export function projectOf(name: string): ProjectRef {
  return { org: "fleet", project: name };
}
