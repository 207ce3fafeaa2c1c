import type { UnverifiedJwt } from "../jwt/compact.ts";
import { quoted } from "../quoted.ts";
import { Refused } from "../refusal.ts";
import { member } from "../strict-json.ts";

/**
 * Whose keys to verify with: the configured issuer that the token names, exactly.
 * @throws {Refused} "issuer-unknown"
 */
export function issuerOf<T extends { readonly issuer: string }>(token: UnverifiedJwt, trusted: readonly T[]): T {
  const issuer = member(token.claims, "iss");
  const found = trusted.find((one) => one.issuer === issuer);
  if (found === undefined) throw new Refused("issuer-unknown", `The issuer ${quoted(issuer)} is not configured.`);
  return found;
}
