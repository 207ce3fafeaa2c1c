import { readdirSync, readFileSync } from "node:fs";
import type { Machine } from "../../../test/nspawn/stage/machine.ts";
import { BenchFailed } from "../../failure.ts";

/** Processor time, ms: of the machine's processes, and of this one, which is its control plane. */
export interface Spent {
  readonly control: number;
  readonly gateway: number;
  readonly plane: number;
}

/** What the machine's processes have used so far. */
export class Processors {
  readonly #control: number;
  readonly #gateway: number;

  private constructor(control: number, gateway: number) {
    this.#control = control;
    this.#gateway = gateway;
  }

  static async of({ container }: Machine): Promise<Processors> {
    const [gateway] = await container.childrenOf("builder-agent-gateway.service");
    if (gateway === undefined) throw new BenchFailed("The machine has no gateway.");
    return new Processors(await container.mainPid("builder-agent-control.service"), gateway);
  }

  /** What `work` takes of each, without what it takes to look. */
  async during<T>(work: () => Promise<T>): Promise<{ readonly done: T; readonly spent: Spent }> {
    const [control, gateway] = [usedMs(this.#control), usedMs(this.#gateway)];
    const before = process.cpuUsage();
    const done = await work();
    const { user, system } = process.cpuUsage(before);
    const spent = { control: usedMs(this.#control) - control, gateway: usedMs(this.#gateway) - gateway };
    return { done, spent: { ...spent, plane: (user + system) / 1_000 } };
  }
}

/** Of all threads, to the nanosecond: Documentation/scheduler/sched-stats. */
function usedMs(pid: number): number {
  const used = readdirSync(`/proc/${pid}/task`).map((task) =>
    Number(readFileSync(`/proc/${pid}/task/${task}/schedstat`, "utf8").split(" ")[0]),
  );
  return used.reduce((sum, ns) => sum + ns, 0) / 1e6;
}
