import { isKept, withOrder } from "../core/end-orders.ts";
import { onChange } from "../lifecycle/cell.ts";
import type { KeptEnding, KeptOrders } from "../ports/kept-orders.ts";
import type { Log } from "../ports/log.ts";
import type { Board } from "./board/board.ts";

export interface KeptOrderPorts {
  readonly keptOrders: KeptOrders;
  readonly log: Log;
}

type Cells = Pick<Board, "endOrders" | "frozen">;

/**
 * No order to end is taken back, also not by the end of this process: what an operator, the control
 * plane or the platform ordered holds for the next one of this boot, with its deadline and with the
 * builds that were open when it came. The service manager's does not: it knows what it wants.
 */
export class KeptEndOrders {
  readonly #ports: KeptOrderPorts;
  readonly #cells: Cells;
  readonly #bootId: string;
  #isOver = false;
  /** A write is still to begin: it takes what holds then. */
  #isDue = false;
  #written: Promise<void> = Promise.resolve();

  constructor(ports: KeptOrderPorts, cells: Cells, bootId: string) {
    this.#ports = ports;
    this.#cells = cells;
    this.#bootId = bootId;
  }

  /** Before anything else: a machine that ends lets nobody new in. */
  async recall(): Promise<void> {
    const { keptOrders, log } = this.#ports;
    const kept = await keptOrders.load(this.#bootId);
    if (kept === undefined) return;
    const { orders, builds } = kept;
    if (builds !== undefined) this.#cells.frozen.set({ at: "these", builds: new Set(builds) });
    this.#cells.endOrders.update((known) => orders.reduce(withOrder, known));
    log.info({ from: orders.map(({ from }) => from) }, "end-orders.recalled");
  }

  /** Writes the latest, one after the other, until `signal`. */
  async follow(signal: AbortSignal): Promise<void> {
    const { endOrders, frozen } = this.#cells;
    await onChange([endOrders, frozen], () => this.#note(), signal);
    await this.#written;
  }

  /** They were carried out: the next process begins anew. */
  async over(): Promise<void> {
    this.#isOver = true;
    await this.#written;
    await this.#ports.keptOrders.forget();
  }

  #note(): void {
    if (this.#isDue) return;
    this.#isDue = true;
    this.#written = this.#written.then(() => this.#write());
  }

  async #write(): Promise<void> {
    this.#isDue = false;
    const orders = this.#cells.endOrders.get().filter(isKept);
    if (orders.length === 0 || this.#isOver) return;
    const frozen = this.#cells.frozen.get();
    const ending: KeptEnding = { orders, ...(frozen.at === "these" && { builds: [...frozen.builds] }) };
    await this.#ports.keptOrders.save(this.#bootId, ending);
  }
}
