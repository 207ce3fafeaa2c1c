import { readdir, readFile } from "node:fs/promises";
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

  /** What `work` takes of each. */
  async during<T>(work: () => Promise<T>): Promise<{ readonly done: T; readonly spent: Spent }> {
    const before = await this.#now();
    const done = await work();
    const after = await this.#now();
    const spent = (of: keyof Spent): number => after[of] - before[of];
    return { done, spent: { control: spent("control"), gateway: spent("gateway"), plane: spent("plane") } };
  }

  async #now(): Promise<Spent> {
    const { user, system } = process.cpuUsage();
    const [control, gateway] = await Promise.all([usedMs(this.#control), usedMs(this.#gateway)]);
    return { control, gateway, plane: (user + system) / 1_000 };
  }
}

/** Of all threads, to the nanosecond: Documentation/scheduler/sched-stats. */
async function usedMs(pid: number): Promise<number> {
  const tasks = await readdir(`/proc/${pid}/task`);
  const used = await Promise.all(
    tasks.map(async (task) => Number((await readFile(`/proc/${pid}/task/${task}/schedstat`, "utf8")).split(" ")[0])),
  );
  return used.reduce((sum, ns) => sum + ns, 0) / 1e6;
}
