/**
 * The units that `control` may ask the service manager for, and no others. Each is a fixed thing:
 * no free text goes with the asking.
 * - "cache-volume": the encrypted volume is open while this is active. Stopping it stops all that
 *   stands on it, first.
 * - "cache-mount": the cache's file system at its place. Starting it needs an open volume.
 */
export type ServiceUnit = "buildkitd" | "cache-mount" | "cache-volume" | "tailscaled";

/** The service manager, as far as it manages other things than processes of ours. */
export interface ServiceUnits {
  /**
   * Starts it and what it needs. Resolves when it is up; harmless if it is.
   * @throws {AgentError} "service.failed" with its result and last words, "service.denied",
   * "service.not-found", "service.no-answer" (retryable).
   */
  start(unit: ServiceUnit, signal: AbortSignal): Promise<void>;
  /**
   * Stops it, after all that needs it. Resolves when it is gone; harmless if it is not there. While
   * the service manager is ending this process itself, it resolves as soon as the manager knows:
   * everything here ends after us, in the manager's own order.
   * @throws {AgentError} as `start` does.
   */
  stop(unit: ServiceUnit, signal: AbortSignal): Promise<void>;
  /** @throws {AgentError} "service.no-answer" (retryable). */
  show(unit: ServiceUnit, signal: AbortSignal): Promise<ServiceUnitState>;
}

export interface ServiceUnitState {
  readonly at: "not-installed" | "inactive" | "starting" | "active" | "stopping" | "failed";
  /**
   * The manager's word for how the last run ended: "success", "exit-code", "signal", "timeout",
   * "oom-kill", …; "" if it never ran.
   */
  readonly result: string;
}

/** One unit of them, for whoever is its manager. */
export interface UnitControl {
  start(signal: AbortSignal): Promise<void>;
  stop(signal: AbortSignal): Promise<void>;
  show(signal: AbortSignal): Promise<ServiceUnitState>;
}
