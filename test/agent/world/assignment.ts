import type { Assignment } from "../../../agent/core/desired-state.ts";
import type { AssignmentStore } from "../../../agent/ports/assignment-store.ts";

/** A file on tmpfs. */
export class SimulatedAssignmentStore implements AssignmentStore {
  readonly #kept = new Map<string, Assignment>();

  async load(bootId: string): Promise<Assignment | undefined> {
    return this.#kept.get(bootId);
  }

  async save(bootId: string, assignment: Assignment): Promise<void> {
    this.#kept.set(bootId, assignment);
  }
}
