import { randomUUID } from "node:crypto";
import { type Refusal, refusal } from "./refusal.ts";

/** Who speaks for an instance, and until when. */
export interface Lease {
  readonly machineId: string;
  /** Counts the machines that this instance has been, from 1. */
  readonly generation: number;
  readonly keySha256: string;
  /** Milliseconds since 1970. */
  readonly expiresAtMs: number;
}

/** Holds one lease an instance. `replace` compares and sets in one step, whoever else asks. */
export interface LeaseStore {
  read(instance: string): Promise<Lease | undefined>;
  /** False, and nothing changed, where `expected` is not what is there. */
  replace(instance: string, expected: Lease | undefined, next: Lease): Promise<boolean>;
}

export interface Registration {
  readonly verdict: "registered";
  readonly lease: Lease;
  /** False: the same machine as before, after a restart of the agent. */
  readonly isNew: boolean;
}

interface Claimant {
  /** `Identity.instance`. */
  readonly instance: string;
  /** `Identity.keySha256`. */
  readonly keySha256: string;
}

/**
 * One live identity an instance. The same key gets the same machine back; another key is refused
 * for as long as the lease lives, so that a clone takes nothing away from who is there.
 */
export class Instances {
  readonly #store: LeaseStore;
  readonly #now: () => number;
  readonly #leaseMs: number;

  constructor(parts: { readonly store: LeaseStore; readonly now: () => number; readonly leaseMs: number }) {
    this.#store = parts.store;
    this.#now = parts.now;
    this.#leaseMs = parts.leaseMs;
  }

  /** Also renews: call it for each sign of life that the machine's key has proved. */
  async register({ instance, keySha256 }: Claimant): Promise<Registration | Refusal> {
    for (;;) {
      const nowMs = this.#now();
      const current = await this.#store.read(instance);
      const isOurs = current?.keySha256 === keySha256 && current.expiresAtMs > nowMs;
      if (current !== undefined && current.expiresAtMs > nowMs && !isOurs)
        return alreadyRegistered(instance, current, keySha256, nowMs);
      const lease: Lease = {
        machineId: isOurs ? current.machineId : randomUUID(),
        generation: isOurs ? current.generation : (current?.generation ?? 0) + 1,
        keySha256,
        expiresAtMs: nowMs + this.#leaseMs,
      };
      if (await this.#store.replace(instance, current, lease)) return { verdict: "registered", lease, isNew: !isOurs };
    }
  }

  /** Ends a lease at once: the machine has left, or an operator says that it is gone. */
  async release(instance: string, machineId: string): Promise<void> {
    for (;;) {
      const current = await this.#store.read(instance);
      if (current === undefined || current.machineId !== machineId) return;
      if (await this.#store.replace(instance, current, { ...current, expiresAtMs: 0 })) return;
    }
  }
}

export class MemoryLeases implements LeaseStore {
  readonly #leases = new Map<string, Lease>();

  read(instance: string): Promise<Lease | undefined> {
    return Promise.resolve(this.#leases.get(instance));
  }

  replace(instance: string, expected: Lease | undefined, next: Lease): Promise<boolean> {
    if (this.#leases.get(instance) !== expected) return Promise.resolve(false);
    this.#leases.set(instance, next);
    return Promise.resolve(true);
  }
}

/** Fingerprints are no keys: an operator needs both, to tell the clone from the machine. */
function alreadyRegistered(instance: string, current: Lease, keySha256: string, nowMs: number): Refusal {
  return refusal(
    "instance-already-registered",
    `${instance} is registered as ${current.machineId} with the key ${current.keySha256}; the key ${keySha256} is another.`,
    nowMs,
  );
}
