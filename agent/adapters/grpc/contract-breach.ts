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
 * be anything when they are wrong.
 */
export function quoted(value: string): string {
  return JSON.stringify(value.length > QUOTED_MAX ? `${value.slice(0, QUOTED_MAX)}…` : value);
}
