import { quoted } from "./quoted.ts";
import { Refused } from "./refusal.ts";

/** An empty list allows nothing. @throws {Refused} "not-allowed" */
export function requireAllowed(what: string, value: string, allowed: readonly string[]): void {
  if (!allowed.includes(value))
    throw new Refused("not-allowed", `The ${what} ${quoted(value)} is not among those that are allowed.`);
}
