import type { Holder } from "./authority.ts";

export interface Forgery<Forge> {
  readonly what: string;
  readonly forge: Forge;
  /** For the machine: one code stands for several forgeries. */
  readonly code: string;
  /** For the audit log. */
  readonly reason: string;
  /**
   * With whose certificate openssl finds the signature good, beside those that came along.
   * Undefined: with none.
   */
  readonly goodTo?: Holder;
}

/** The forgeries that an operator cannot tell apart by their reasons. */
export function sharedReasons(
  forgeries: readonly Pick<Forgery<never>, "what" | "reason">[],
): readonly (readonly string[])[] {
  const byReason = new Map<string, string[]>();
  for (const { what, reason } of forgeries) byReason.set(reason, [...(byReason.get(reason) ?? []), what]);
  return [...byReason.values()].filter((whats) => whats.length > 1);
}
