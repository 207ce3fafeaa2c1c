/** How often a unit may be restarted before we call it broken and wait longer. */
export interface RestartBudget {
  readonly restarts: number;
  readonly windowMs: number;
}

export const BUILDKIT_RESTARTS: RestartBudget = {
  restarts: 5,
  windowMs: 60_000,
};

export type RestartVerdict =
  | { readonly restart: "after"; readonly delayMs: number }
  /**
   * The budget is spent: not a reason to give up (the next start may work), but to say so and to
   * slow down.
   */
  | { readonly restart: "cooling-down"; readonly delayMs: number };

/** `exitsMs` are the monotonic times of past exits, the newest last. */
export function afterExit(exitsMs: readonly number[], nowMs: number, budget: RestartBudget): RestartVerdict {
  const recent = exitsMs.filter((at) => nowMs - at < budget.windowMs).length;
  if (recent > budget.restarts) return { restart: "cooling-down", delayMs: budget.windowMs / 2 };
  return {
    restart: "after",
    delayMs: recent <= 1 ? 0 : Math.min(100 * 2 ** (recent - 2), 5_000),
  };
}
