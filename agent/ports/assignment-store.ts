import type { Assignment } from "../core/desired-state.ts";

/** Whose machine this is, as this boot heard it first: over restarts of control. */
export interface AssignmentStore {
  /**
   * Undefined: this boot has not heard it yet.
   * @throws {AgentError} where something is kept that cannot be read.
   */
  load(bootId: string): Promise<Assignment | undefined>;
  /** @throws {AgentError} where it cannot be kept. */
  save(bootId: string, assignment: Assignment): Promise<void>;
}
