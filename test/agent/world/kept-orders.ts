import type { KeptEnding, KeptOrders } from "../../../agent/ports/kept-orders.ts";

/** A file on tmpfs. */
export class SimulatedKeptOrders implements KeptOrders {
  #kept: { readonly bootId: string; readonly ending: KeptEnding } | undefined;

  async load(bootId: string): Promise<KeptEnding | undefined> {
    return this.#kept?.bootId === bootId ? this.#kept.ending : undefined;
  }

  async save(bootId: string, ending: KeptEnding): Promise<void> {
    this.#kept = { bootId, ending };
  }

  async forget(): Promise<void> {
    this.#kept = undefined;
  }
}
