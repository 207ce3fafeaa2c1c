import { Refused } from "../refusal.ts";
import { type JsonObject, member, parseJsonObject } from "../strict-json.ts";

/** A JWT whose signature nobody has verified yet. */
export interface UnverifiedJwt {
  readonly jwt: string;
  readonly header: JsonObject;
  readonly claims: JsonObject;
  /** What is signed: a signature can be written in more than one way, this cannot. */
  readonly signed: string;
}

const MOST_CHARACTERS = 8 * 1024;
/** RFC 7515: each of them brings, or names the place of, the key to verify with. */
const KEYS_IN_HEADER = ["jwk", "jku", "x5c", "x5u"];

/**
 * The compact form of RFC 7515, in the one way in which it can be written.
 * @throws {Refused} "oversized", "malformed", "duplicate-key", "key-in-token"
 */
export function readCompactJwt(jwt: unknown): UnverifiedJwt {
  if (typeof jwt !== "string") throw new Refused("malformed", "The token is not a text.");
  if (jwt.length > MOST_CHARACTERS)
    throw new Refused("oversized", `The token is longer than ${MOST_CHARACTERS} characters.`);
  const parts = jwt.split(".");
  const [head, body] = parts;
  if (head === undefined || body === undefined || parts.length !== 3)
    throw new Refused("malformed", "The token does not have three parts.");
  if (!parts.every(isCanonical)) throw new Refused("malformed", "A part of the token is not base64url.");
  const header = parseJsonObject(Buffer.from(head, "base64url"), "token's header");
  const claims = parseJsonObject(Buffer.from(body, "base64url"), "token's claims");
  if (member(header, "crit") !== undefined || member(header, "b64") !== undefined)
    throw new Refused("malformed", "The token's header asks for extensions.");
  const brought = KEYS_IN_HEADER.find((name) => member(header, name) !== undefined);
  if (brought !== undefined)
    throw new Refused("key-in-token", `The token's header brings a key, or says where one is: "${brought}".`);
  return { jwt, header, claims, signed: `${head}.${body}` };
}

function isCanonical(part: string): boolean {
  return Buffer.from(part, "base64url").toString("base64url") === part;
}
