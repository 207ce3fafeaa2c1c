import type { ObservedState } from "../core/observed-state.ts";

/**
 * Where health is shown: HTTP for probes, metrics and people. It serves the last value that it was
 * given.
 */
export interface HealthBoard {
  show(state: ObservedState): void;
}
