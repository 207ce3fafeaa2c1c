import { Refused } from "../refusal.ts";
import { type JsonObject, member } from "../strict-json.ts";

/**
 * The one audience of a token.
 * @throws {Refused} "audience-mismatch" without one, "audience-extra" with several
 */
export function soleAudience(claims: JsonObject): string {
  const audiences = audiencesOf(claims);
  const [audience] = audiences;
  if (audience === undefined) throw new Refused("audience-mismatch", "The token is for nobody.");
  if (audiences.length > 1) throw new Refused("audience-extra", "The token is for others, too.");
  return audience;
}

/** RFC 7519, 4.1.3: one, or a list. @throws {Refused} "malformed" */
export function audiencesOf(claims: JsonObject): readonly string[] {
  const aud = member(claims, "aud") ?? [];
  const list: readonly unknown[] = Array.isArray(aud) ? aud : [aud];
  return list.map((one) => {
    if (typeof one !== "string") throw new Refused("malformed", "An audience of the token is not a text.");
    return one;
  });
}
