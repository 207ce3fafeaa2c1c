import { randomUUID } from "node:crypto";
import { type Refusal, refusal } from "../refusal.ts";
import type { Lease, LeaseStore } from "./leases.ts";

export interface Registration {
  readonly verdict: "registered";
  readonly lease: Lease;
  /** False: the same machine as before, after a restart of the agent. */
  readonly isNew: boolean;
}

/** The instance is somebody else, who lives. */
export interface AlreadyRegistered extends Refusal {
  readonly code: "instance-already-registered";
  /** Theirs. From `expiresAtMs` on, unless they show a sign of life, the instance is free. */
  readonly lease: Lease;
}

interface Claimant {
  /** `Identity.instance`. */
  readonly instance: string;
  /** `Identity.keySha256`. */
  readonly keySha256: string;
}

/**
 * One live identity an instance. The same key gets the same machine back; another key is refused
 * for as long as the lease lives, so that a clone takes nothing away from who is there. After that
 * it is the next generation: another machine, so that no certificate of the one before is any good
 * to it, nor the other way round.
 */
export class Instances {
  readonly #store: LeaseStore;
  readonly #now: () => number;
  readonly #leaseMs: number;
  readonly #newMachineId: () => string;

  /** `newMachineId`: unique, [a-z0-9-]{1,63}; default: a random UUID. */
  constructor(parts: {
    readonly store: LeaseStore;
    readonly now: () => number;
    readonly leaseMs: number;
    readonly newMachineId?: () => string;
  }) {
    this.#store = parts.store;
    this.#now = parts.now;
    this.#leaseMs = parts.leaseMs;
    this.#newMachineId = parts.newMachineId ?? randomUUID;
  }

  /** Also renews: call it for each sign of life that the machine's key has proved. */
  async register({ instance, keySha256 }: Claimant): Promise<Registration | AlreadyRegistered> {
    for (;;) {
      const nowMs = this.#now();
      const current = await this.#store.read(instance);
      const isOurs = current !== undefined && isKeyOf(current, keySha256);
      if (current !== undefined && !isOurs && current.expiresAtMs > nowMs)
        return alreadyRegistered(instance, current, keySha256, nowMs);
      const expiresAtMs = nowMs + this.#leaseMs;
      const lease: Lease = isOurs
        ? { ...current, expiresAtMs }
        : {
            machineId: this.#newMachineId(),
            generation: (current?.generation ?? 0) + 1,
            keySha256,
            expiresAtMs,
          };
      if (await this.#store.replace(instance, current, lease)) return { verdict: "registered", lease, isNew: !isOurs };
    }
  }

  /**
   * The machine asks, by a certificate of its key `by`, to have a fresh key certified. From now on
   * either key is the machine's, until one of them asks again. Call it before you answer.
   * @returns undefined where `by` is none of its keys: nothing is to be certified then.
   */
  async rekey(instance: string, keys: { readonly by: string; readonly fresh: string }): Promise<Lease | undefined> {
    for (;;) {
      const current = await this.#store.read(instance);
      if (current === undefined || !isKeyOf(current, keys.by)) return undefined;
      const expiresAtMs = this.#now() + this.#leaseMs;
      const lease = { ...current, keySha256: keys.fresh, previousKeySha256: keys.by, expiresAtMs };
      if (await this.#store.replace(instance, current, lease)) return lease;
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

function isKeyOf(lease: Lease, keySha256: string): boolean {
  return keySha256 === lease.keySha256 || keySha256 === lease.previousKeySha256;
}

/** Fingerprints are no keys: an operator needs both, to tell the clone from the machine. */
function alreadyRegistered(instance: string, lease: Lease, keySha256: string, nowMs: number): AlreadyRegistered {
  const code = "instance-already-registered" as const;
  const reason = `${instance} is registered as ${lease.machineId} with the key ${lease.keySha256}; the key ${keySha256} is another.`;
  return { ...refusal(code, reason, nowMs), code, lease };
}
