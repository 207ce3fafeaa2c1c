import type { EndOrder } from "../core/end-orders.ts";

/** An ending that began, as far as the next control process of this boot must know of it. */
export interface KeptEnding {
  /** Those of whoever will not give them again. */
  readonly orders: readonly EndOrder[];
  /** The builds that were open when it began: no other is let in. Absent: not known yet. */
  readonly builds?: readonly string[];
}

/** Orders to end, over restarts of control. What goes wrong is logged, and fails nothing. */
export interface KeptOrders {
  /** Undefined: none was given in this boot, or all were carried out. */
  load(bootId: string): Promise<KeptEnding | undefined>;
  save(bootId: string, ending: KeptEnding): Promise<void>;
  /** They were carried out. */
  forget(): Promise<void>;
}
