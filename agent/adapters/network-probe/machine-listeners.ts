import { networkInterfaces } from "node:os";
import type { NetworkFacts } from "../../core/network/facts.ts";
import type { ListeningPoint } from "../../core/network/probe-plan.ts";
import type { Heard } from "../../core/network/probe-target.ts";
import { Scope } from "../../lifecycle/scope.ts";
import { INTERFACE } from "./cni.ts";
import { Listener } from "./listen.ts";

/**
 * Listens at each of this machine's own addresses, so that what gets through to them is seen also
 * where nobody would answer.
 */
export class MachineListeners implements AsyncDisposable {
  readonly points: readonly ListeningPoint[];
  readonly #heard: (Heard & { readonly from: string })[];
  readonly #scope: Scope;

  private constructor(points: readonly ListeningPoint[], heard: (Heard & { readonly from: string })[], scope: Scope) {
    this.points = points;
    this.#heard = heard;
    this.#scope = scope;
  }

  /** `cable`: the machine's end of the step's that tries. */
  static async open({ machineAddresses }: Pick<NetworkFacts, "machineAddresses">, cable: string) {
    const heard: (Heard & { readonly from: string })[] = [];
    const scope = new Scope();
    const places = [
      ...machineAddresses.map(({ address }) => ({ here: address, fromStep: address })),
      // The cable's own, which a step's kernel knows by the step's interface.
      ...linkLocal(cable).map((address) => ({ here: `${address}%${cable}`, fromStep: `${address}%${INTERFACE}` })),
    ];
    const points = await Promise.all(
      places.map(async ({ here, fromStep }) => {
        const listener = await Listener.open(here, (one, from) => heard.push({ ...one, from }));
        if (listener !== undefined) scope.own(listener);
        return listener === undefined ? [] : [{ host: fromStep, ...listener.at }];
      }),
    );
    return new MachineListeners(points.flat(), heard, scope);
  }

  /**
   * What came from these addresses, or over the cable alone: others may come by as well, from
   * wherever this machine can be reached.
   */
  heardFrom(addresses: readonly string[]): readonly Heard[] {
    return this.#heard.filter(({ from }) => addresses.includes(from) || isLinkLocal(from));
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#scope[Symbol.asyncDispose]();
  }
}

function linkLocal(name: string): readonly string[] {
  const addresses = networkInterfaces()[name] ?? [];
  return addresses.map(({ address }) => address).filter(isLinkLocal);
}

function isLinkLocal(address: string): boolean {
  return address.startsWith("fe80:");
}
