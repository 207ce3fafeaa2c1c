import { status } from "@grpc/grpc-js";
import { Instances, type Lease, type LeaseStore } from "../../verifier/src/index.ts";
import type { Audit, Holder, Party } from "./audit.ts";
import { type Fleet, type Newcomer, newMachineId } from "./fleet.ts";
import type { Commits } from "./kept/commits.ts";
import type { Machine } from "./machine.ts";
import { Refusal } from "./refusal.ts";

interface LeaseParts {
  readonly fleet: Fleet;
  readonly commits: Commits;
  readonly audit: Audit;
  readonly now: () => number;
  /** How long an instance stays a machine's after its last sign of life. */
  readonly leaseMs: number;
}

/**
 * One live machine an instance. What is kept is who holds it, not until when: that follows from
 * the last sign of life, which after a restart of the control plane is its start.
 */
export class Leases {
  readonly #parts: LeaseParts;

  constructor(parts: LeaseParts) {
    this.#parts = parts;
  }

  /**
   * The machine that this instance is with this key: the same as before, or a new one.
   * @throws {Refusal} ALREADY_EXISTS, with the time to come back: it lives with another key;
   * PERMISSION_DENIED with the mark: it is refused for good.
   */
  async claim(instance: string, { keySha256, address }: Required<Party>, newcomer: Newcomer): Promise<Machine> {
    const { fleet, audit } = this.#parts;
    const claim = await this.#instances(newcomer).register({ instance, keySha256 });
    if (claim.verdict === "refused") {
      const holder = fleet.registered(claim.lease.machineId);
      audit.note({
        event: claim.code,
        instance,
        holder: holderOf(holder, claim.lease),
        claimant: { keySha256, address },
      });
      throw new InstanceOccupied(holder, this.#leftMs(holder));
    }
    const machine = fleet.registered(claim.lease.machineId);
    if (machine.project !== newcomer.project || machine.architecture !== newcomer.facts.architecture)
      throw new Refusal(
        status.FAILED_PRECONDITION,
        `This instance is machine ${machine.id} of another project or architecture: that one has to be forgotten first.`,
      );
    machine.heard(address);
    return machine;
  }

  /** A fresh key of the machine whose key `by` is. @throws {Refusal} UNAUTHENTICATED */
  async rekey(machine: Machine, keys: { readonly by: string; readonly fresh: string }): Promise<void> {
    const { instance } = machine.lease ?? {};
    if (instance === undefined) return;
    if ((await this.#instances().rekey(instance, keys)) === undefined)
      throw new Refusal(status.UNAUTHENTICATED, `This key is not machine ${machine.id}'s any more.`);
  }

  /** It attaches: whoever left in order is here again. @throws {Refusal} UNAUTHENTICATED */
  arrived(machine: Machine): void {
    if (this.#parts.fleet.registered(machine.id) === machine) this.#turn(machine, false);
  }

  /** It has ended in order, and its next boot need not wait. */
  left(machine: Machine): void {
    try {
      this.#turn(machine, true);
    } catch {
      // It could not be kept: the lease ends by itself, a little later.
    }
  }

  /** For an operator. @throws {Error} when there is no such machine, or it is there and lives. */
  forget(machineId: string): void {
    const { fleet, audit, leaseMs } = this.#parts;
    const machine = fleet.machines().find(({ id }) => id === machineId);
    if (machine === undefined) throw new Error(`No machine ${machineId} is registered here.`);
    // One that lost its power may be attached for long: nobody has hung up.
    if (machine.link !== undefined && machine.silentMs < leaseMs)
      throw new Error(`Machine ${machineId} is attached: drain it, and forget it once it has gone.`);
    fleet.remove(machine, new Refusal(status.UNAUTHENTICATED, `Machine ${machineId} was forgotten.`));
    const { instance } = machine.lease ?? {};
    audit.note({ event: "machine-forgotten", machineId, ...(instance !== undefined && { instance }) });
  }

  /** The keys that the machine of this instance may have, if there is one. */
  keysOf(instance: string): readonly string[] {
    const { keySha256, previousKeySha256 } = this.#parts.fleet.holderOf(instance)?.lease ?? {};
    return [keySha256, previousKeySha256].filter((key) => key !== undefined);
  }

  #turn(machine: Machine, isReleased: boolean): void {
    const { lease } = machine;
    if (lease === undefined || lease.isReleased === isReleased) return;
    this.#parts.commits.make({
      apply: () => (machine.lease = { ...lease, isReleased }),
      undo: () => (machine.lease = lease),
    });
  }

  #instances(newcomer?: Newcomer): Instances {
    const { now, leaseMs } = this.#parts;
    return new Instances({ store: this.#store(newcomer), now, leaseMs, newMachineId });
  }

  /** What the library asks, answered by the machines themselves. */
  #store(newcomer: Newcomer | undefined): LeaseStore {
    const { fleet } = this.#parts;
    const read = (instance: string): Lease | undefined => {
      const machine = fleet.holderOf(instance);
      // Who is refused for good is, whatever the key.
      return machine && this.#leaseOf(fleet.registered(machine.id));
    };
    return {
      read: async (instance) => read(instance),
      replace: async (instance, expected, next) => {
        if (!isSameHolder(read(instance), expected)) return false;
        const machine = fleet.holderOf(instance);
        if (machine?.id === next.machineId) this.#renew(machine, next);
        else this.#succeed(machine, instance, next, newcomer);
        return true;
      },
    };
  }

  #renew(machine: Machine, { keySha256, previousKeySha256 }: Lease): void {
    const before = machine.lease;
    if (before === undefined) return;
    machine.heard();
    if (isSameHolder({ ...before, machineId: machine.id }, { keySha256, previousKeySha256, machineId: machine.id }))
      return this.#turn(machine, false);
    const lease = { ...before, keySha256, previousKeySha256, isReleased: false };
    this.#parts.commits.make({ apply: () => (machine.lease = lease), undo: () => (machine.lease = before) });
  }

  /** The next generation: kept as one with the end of the one before. */
  #succeed(before: Machine | undefined, instance: string, next: Lease, newcomer: Newcomer | undefined): void {
    const { fleet, commits, audit } = this.#parts;
    const { machineId: id, generation, keySha256 } = next;
    if (newcomer === undefined) throw new Error(`Nobody is there who could become machine ${id}.`);
    const lease = { instance, generation, keySha256, previousKeySha256: undefined, isReleased: false };
    const machine = commits.together(() => {
      if (before !== undefined)
        fleet.remove(
          before,
          new Refusal(status.UNAUTHENTICATED, `Machine ${before.id} is no more: its instance is machine ${id} now.`),
        );
      return fleet.add(newcomer, id, lease);
    });
    if (before?.lease !== undefined) {
      const [holder, earlier] = [holderOf(machine, lease), holderOf(before, before.lease)];
      audit.note({ event: "generation-began", instance, holder, before: earlier });
    }
  }

  #leaseOf(machine: Machine): Lease | undefined {
    if (machine.lease === undefined) return undefined;
    const { generation, keySha256, previousKeySha256 } = machine.lease;
    return {
      machineId: machine.id,
      generation,
      keySha256,
      ...(previousKeySha256 !== undefined && { previousKeySha256 }),
      expiresAtMs: this.#parts.now() + this.#leftMs(machine),
    };
  }

  /** By a clock that nobody sets: when the time of day jumps, no machine loses its lease. */
  #leftMs({ lease, silentMs }: Machine): number {
    return lease?.isReleased === true ? 0 : this.#parts.leaseMs - silentMs;
  }
}

/** Not for good: whoever lives there may go, and a machine that lost its key is let in then. */
export class InstanceOccupied extends Refusal {
  constructor(holder: Machine, leftMs: number) {
    const silentS = Math.round(holder.silentMs / 1_000);
    super(
      status.ALREADY_EXISTS,
      `instance-already-registered: this instance is machine ${holder.id}, which was heard from with another key ${silentS} s ago. After a reboot this passes by itself; if it does not, one of the two is a clone`,
    );
    this.notBefore(Math.max(1, Math.ceil(leftMs)));
  }
}

function holderOf(machine: Machine, { generation, keySha256 }: Pick<Lease, "generation" | "keySha256">): Holder {
  const { id: machineId, address } = machine;
  return { machineId, generation, keySha256, ...(address !== undefined && { address }) };
}

type Keys = Pick<Lease, "machineId" | "keySha256"> & { readonly previousKeySha256?: string | undefined };

/** Until when is no part of it: that moves with each sign of life. */
function isSameHolder(one: Keys | undefined, other: Keys | undefined): boolean {
  return (
    one?.machineId === other?.machineId &&
    one?.keySha256 === other?.keySha256 &&
    one?.previousKeySha256 === other?.previousKeySha256
  );
}
