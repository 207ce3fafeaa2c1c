import { isSameLease, type Lease, type LeaseStore } from "./leases.ts";

/** For one process; after a restart the first to come is taken for the machine. */
export class MemoryLeases implements LeaseStore {
  readonly #leases = new Map<string, Lease>();

  read(instance: string): Promise<Lease | undefined> {
    return Promise.resolve(this.#leases.get(instance));
  }

  replace(instance: string, expected: Lease | undefined, next: Lease): Promise<boolean> {
    if (!isSameLease(this.#leases.get(instance), expected)) return Promise.resolve(false);
    this.#leases.set(instance, next);
    return Promise.resolve(true);
  }
}
