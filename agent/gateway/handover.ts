import { Branch } from "../lifecycle/branch.ts";
import { Cell } from "../lifecycle/cell.ts";
import type { Clock } from "../ports/clock.ts";
import type { Log } from "../ports/log.ts";
import type { OwnUnit } from "../ports/own-unit.ts";
import type { Door } from "./door.ts";
import type { Reception } from "./reception.ts";
import type { Records } from "./records.ts";
import type { Sessions } from "./sessions.ts";
import type { Stats } from "./stats.ts";

/** Handshakes are bounded, and tell nobody that they are over. */
const LOOK_EVERY_MS = 100;

/** What has to end before a gateway that was replaced may. */
export interface Finishing {
  readonly door: Pick<Door, "close">;
  readonly stats: Pick<Stats, "tell">;
  readonly sessions: Pick<Sessions, "openCount">;
  readonly reception: Pick<Reception, "pendingHandshakes">;
  readonly records: Pick<Records, "waiting">;
  readonly unit: Pick<OwnUnit, "replaced">;
  readonly clock: Clock;
  readonly log: Log;
}

/** How a gateway takes another's place, and how it gives up its own. */
export class Handover implements Disposable {
  /** On the machine's monotonic clock: of two gateways the younger is the one. */
  readonly startedMonoMs: number;
  readonly #branch: Branch;
  readonly #mayOpen: Cell<boolean>;
  readonly #isRetired = new Cell(false);

  /** @param succeeds Another serves until we do. */
  constructor(succeeds: boolean, clock: Clock, stop: AbortSignal) {
    this.startedMonoMs = clock.now().monoMs;
    this.#branch = new Branch(stop);
    this.#mayOpen = new Cell(!succeeds);
  }

  /** The gateway's end: it was told to stop, or has finished. */
  get signal(): AbortSignal {
    return this.#branch.signal;
  }

  get isRetired(): boolean {
    return this.#isRetired.get();
  }

  /** There is a certificate to show, and a CA to ask for. */
  canServe(): void {
    this.#mayOpen.set(true);
  }

  /** Another serves. This one never does again. */
  retire(): void {
    this.#isRetired.set(true);
  }

  /** Resolves when the door may be opened, with whether; false once the gateway ends. */
  async untilMayOpen(): Promise<boolean> {
    await this.#mayOpen.first((may) => may, this.signal);
    return !this.signal.aborted && !this.isRetired;
  }

  /**
   * Once retired: shuts the door, and ends the gateway when every session is over and control has
   * every record on disk. Both may take as long as they take; `stop` ends them.
   */
  async finish({ door, stats, sessions, reception, records, unit, clock, log }: Finishing): Promise<void> {
    await this.#isRetired.first((retired) => retired, this.signal);
    if (this.signal.aborted) return;
    door.close();
    unit.replaced();
    log.info({ openSessions: sessions.openCount.get() }, "gateway.retired");
    stats.tell();
    while (!this.signal.aborted) {
      if (sessions.openCount.get() + reception.pendingHandshakes + records.waiting === 0) this.#branch.abort();
      else await clock.sleep(LOOK_EVERY_MS, this.signal);
    }
  }

  [Symbol.dispose](): void {
    this.#branch[Symbol.dispose]();
  }
}
