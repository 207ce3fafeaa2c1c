import type { ToPlane } from "../../../agent/ports/control-plane.ts";
import type { Stage } from "./stage.ts";

type Records = Extract<ToPlane, { readonly is: "records" }>;

/**
 * Where the control plane stores session records: it tells repeats by boot and number, as the
 * contract asks of it.
 */
export class RecordShelf {
  readonly #stage: Stage;
  readonly #stored = new Map<string, Map<bigint, string>>();

  constructor(stage: Stage) {
    this.#stage = stage;
  }

  sent({ bootId, records }: Records): void {
    for (const { sequence, summary } of records)
      this.#stage.trace.note({ is: "record-sent", bootId, sequence, sessionId: summary.sessionId });
  }

  store({ bootId, records }: Records): void {
    const boot = this.#stored.get(bootId) ?? new Map<bigint, string>();
    this.#stored.set(bootId, boot);
    for (const { sequence, summary } of records) {
      if (boot.get(sequence) === summary.sessionId) continue;
      boot.set(sequence, summary.sessionId);
      this.#stage.trace.note({ is: "record-delivered", bootId, sequence, sessionId: summary.sessionId });
    }
  }

  /** Everything up to this number is stored. */
  upTo(bootId: string): bigint {
    const boot = this.#stored.get(bootId);
    let upTo = 0n;
    while (boot?.has(upTo + 1n) === true) upTo += 1n;
    return upTo;
  }
}
