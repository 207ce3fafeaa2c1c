import { shownAddress } from "../../core/shown-words.ts";

/**
 * A message from the control plane breaks the contract. Thrown and caught within this folder; the
 * message names the field.
 */
export class ContractBreach extends Error {
  /**
   * `field` as the contract spells it, with an index where it repeats: "open_builds[2].expires_at".
   */
  constructor(field: string, because: string) {
    super(`${field} ${because}`);
    this.name = "ContractBreach";
  }
}

const QUOTED_MAX = 60;

/**
 * A value from outside, safe to print in one line: the control plane's ids are not secret, but may
 * be anything when they are wrong, an address with a password for instance.
 */
export function quoted(value: string): string {
  const shown = shownAddress(value);
  return JSON.stringify(shown.length > QUOTED_MAX ? `${shown.slice(0, QUOTED_MAX)}…` : shown);
}
