import { createPublicKey, type JsonWebKey, type KeyObject, verify } from "node:crypto";

/** RFC 7519, as far as a machine's identity token needs it. */
export interface VerifiedJwt {
  readonly claims: Readonly<Record<string, unknown>>;
}

export class JwtInvalid extends Error {
  constructor(because: string, cause?: unknown) {
    super(because, { cause });
    this.name = "JwtInvalid";
  }
}

/**
 * The only algorithms, and the keys that fit them: what OIDC issuers of machines use. "none" and
 * the HMACs are absent on purpose (RFC 8725, section 3.1).
 */
const ALGORITHMS: Readonly<Record<string, (key: KeyObject) => boolean>> = {
  RS256: (key) => (key.asymmetricKeyDetails?.modulusLength ?? 0) >= 2048,
  ES256: (key) => key.asymmetricKeyDetails?.namedCurve === "prime256v1",
};
const MAX_LENGTH = 16 * 1024;

/**
 * Checks the signature against `keys`, and nothing of the claims.
 * @throws {JwtInvalid} the message tells why, in words that may be sent to the caller.
 */
export function verifyJwt(jwt: string, keys: readonly JsonWebKey[]): VerifiedJwt {
  const parts = jwt.split(".");
  const [head, body, signature] = parts;
  if (
    head === undefined ||
    body === undefined ||
    signature === undefined ||
    parts.length !== 3 ||
    jwt.length > MAX_LENGTH
  ) {
    throw new JwtInvalid("is not a JWT");
  }
  const header = parseObject(head);
  const name = String(header["alg"]);
  const isFit = Object.hasOwn(ALGORITHMS, name) ? ALGORITHMS[name] : undefined;
  if (isFit === undefined) throw new JwtInvalid(`is signed with "${name}"; only RS256 and ES256 are accepted`);
  if (header["crit"] !== undefined) throw new JwtInvalid("has critical header parameters that are not understood");
  const candidates = keys
    .filter((key) => header["kid"] === undefined || key["kid"] === undefined || key["kid"] === header["kid"])
    .map((key) => createPublicKey({ key, format: "jwk" }))
    .filter(isFit);
  const signed = Buffer.from(`${head}.${body}`);
  const bytes = Buffer.from(signature, "base64url");
  const good = candidates.some((key) => verify("sha256", signed, { key, dsaEncoding: "ieee-p1363" }, bytes));
  if (!good) throw new JwtInvalid("is not signed by a key of its issuer");
  return { claims: parseObject(body) };
}

/** Reads claims that nobody has verified: only to find out whose keys to verify with. */
export function unverifiedIssuer(jwt: string): string | undefined {
  const issuer = parseObject(jwt.split(".")[1] ?? "")["iss"];
  return typeof issuer === "string" ? issuer : undefined;
}

function parseObject(part: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(Buffer.from(part, "base64url").toString("utf8"));
    if (typeof value === "object" && value !== null && !Array.isArray(value)) return { ...value };
  } catch (cause) {
    throw new JwtInvalid("is not a JWT", cause);
  }
  throw new JwtInvalid("is not a JWT");
}
