import type { Finding } from "../health.ts";
import type { Instant } from "../instant.ts";
import type { Fixed, Known } from "../known.ts";

/** One row of the register: what is looked at, how grave it is, and on what it depends. */
export interface Check {
  /** Stable: a path (`/readyz/<name>`), a label of metrics, a condition of the contract. */
  readonly name: string;
  /** For a person: a few words. */
  readonly title: string;
  /**
   * Whether the machine is not ready while this is not ok. A finding may say otherwise of itself.
   */
  readonly blocking: boolean;
  /** A build cannot do without it: no new session is let in while it blocks. */
  readonly neededByBuilds?: true;
  /** Checks whose failure explains one of this: only the cause is shown as a reason. */
  readonly dependsOn?: readonly string[];
  /**
   * Checks without which nobody can know this one: they explain that it is unknown, and no failure.
   */
  readonly knownBy?: readonly string[];
  /** What to do when it fails. A finding may know better. */
  readonly remedy: string;
  look(known: Known, now: Instant, fixed: Fixed): Look;
  /** What it judges by, a fact a line; at least one, also when nothing is known yet. */
  evidence(known: Known, now: Instant, fixed: Fixed): readonly string[];
  /**
   * In how many ms a look finds something else though nothing new is known; undefined, 0 or less:
   * that is not to be expected.
   */
  changesInMs?(known: Known, now: Instant): number | undefined;
}

/** What a look found: only what differs from the row. */
export interface Look {
  readonly state: Finding["state"];
  /** One sentence for a person: what is so. */
  readonly message: string;
  readonly blocking?: boolean;
  /** No build can come by this, though the row says otherwise. */
  readonly neededByBuilds?: true;
  readonly remedy?: string;
  /** A check that says the same of the same thing; it goes before what `dependsOn` finds. */
  readonly causedBy?: string;
}

export const ok = (message: string): Look => ({ state: "ok", message });
export const failed = (message: string, over: Omit<Look, "state" | "message"> = {}): Look => ({
  state: "failed",
  message,
  ...over,
});
/** Nobody has looked yet, or whoever would know is away: never green, never ready. */
export const unknown = (message: string): Look => ({ state: "unknown", message });
