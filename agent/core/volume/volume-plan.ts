import type { DeviceFacts, FormattingIntent, MappingFacts, OpenRecord } from "./inventory.ts";
import type { LabelClaims } from "./label.ts";
import type { Refusal } from "./refusal.ts";

/** What to do about an order, given what is there. Only "format" destroys anything. */
export type VolumePlan =
  | { readonly is: "refuse"; readonly refusal: Refusal }
  /** It is open already, in this boot, as ordered. */
  | { readonly is: "take-over"; readonly record: OpenRecord }
  /**
   * An open mapping that an interrupted order left behind, with nothing on it: close it, then look
   * again.
   */
  | { readonly is: "close-leftover"; readonly mapping: MappingFacts }
  | { readonly is: "open"; readonly device: DeviceFacts; readonly label: LabelClaims }
  | { readonly is: "format"; readonly device: DeviceFacts; readonly found: FormattableAs };

/** Why it may be overwritten. */
export type FormattableAs =
  | "blank"
  /** A per-boot volume that this machine made: its key is gone. */
  | "ours"
  /** A formatting of ours that did not end. What had been there before it, it tells. */
  | { readonly interrupted: FormattingIntent["found"] };
