import { cpuSeconds, residentBytes } from "../../process/usage.ts";
import type { Fleet } from "../fleet.ts";

/** Processor time so far, in seconds: of all processes with machines, and of this one. */
interface Spent {
  readonly agents: number;
  readonly plane: number;
}

/** What a phase cost. The plane lives in the bench's own process, which does little else. */
export class Processor {
  readonly #fleet: Fleet;
  readonly #before: Spent;

  private constructor(fleet: Fleet, before: Spent) {
    this.#fleet = fleet;
    this.#before = before;
  }

  static async begin(fleet: Fleet): Promise<Processor> {
    return new Processor(fleet, await spent(fleet));
  }

  /** Since the beginning. */
  async spent(): Promise<Spent> {
    const now = await spent(this.#fleet);
    return { agents: now.agents - this.#before.agents, plane: now.plane - this.#before.plane };
  }
}

/** Of all processes with machines together. */
export async function residentOfAll({ pids }: Fleet): Promise<number> {
  const each = await Promise.all(pids.map(residentBytes));
  return each.reduce((sum, bytes) => sum + bytes, 0);
}

async function spent({ pids }: Fleet): Promise<Spent> {
  const each = await Promise.all(pids.map(cpuSeconds));
  return { agents: each.reduce((sum, seconds) => sum + seconds, 0), plane: await cpuSeconds(process.pid) };
}
