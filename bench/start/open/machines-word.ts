import type { Machine } from "../../../test/nspawn/stage/machine.ts";
import { BenchFailed } from "../../failure.ts";

interface Report {
  readonly atMs: number;
  readonly revision: bigint;
}

/** When the machine has said which revision is in force, as its control plane heard it. */
export class MachinesWord implements Disposable {
  readonly #over = new AbortController();
  readonly #reports: Report[] = [];

  constructor({ plane }: Machine, deadlineMs: number) {
    const note = (): false => {
      const revision = plane.machines().find(({ link }) => link !== undefined)?.observed?.appliedRevision ?? 0n;
      if (revision !== this.#reports.at(-1)?.revision) this.#reports.push({ atMs: performance.now(), revision });
      return false;
    };
    plane.until(note, { deadlineMs, signal: this.#over.signal }).catch(() => undefined);
  }

  /** `performance.now()` of then. @throws {BenchFailed} if it has not said so. */
  atMs(revision: bigint): number {
    const report = this.#reports.find((one) => one.revision >= revision);
    if (report === undefined) throw new BenchFailed(`The machine has not said that revision ${revision} is in force.`);
    return report.atMs;
  }

  [Symbol.dispose](): void {
    this.#over.abort();
  }
}
