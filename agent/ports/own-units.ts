import type { UnitSeen } from "../core/units/own-units.ts";

/** The agent's units, for whoever only looks. */
export interface OwnUnits {
  /**
   * Another value each time that one of them was started, has ended, or its files were changed.
   * Cheap: it starts no process.
   */
  mark(): string;
  /** Each of them. Starts a process. @throws {AgentError} "service.no-answer" (retryable). */
  look(signal: AbortSignal): Promise<readonly UnitSeen[]>;
}
