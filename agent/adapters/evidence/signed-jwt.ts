const BASE64URL = /^[A-Za-z0-9_-]+$/;

/**
 * RFC 7519 in the compact form of RFC 7515: header, claims, signature; the first two are JSON
 * objects. The signature is not checked.
 */
export function hasShapeOfSignedJwt(text: string): boolean {
  const parts = text.split(".");
  return parts.length === 3 && parts.every((part) => BASE64URL.test(part)) && parts.slice(0, 2).every(isJsonObject);
}

/** RFC 7519, 4.1.3: one, or a list. `jwt` has the shape of one. */
export function audiencesOf(jwt: string): readonly string[] {
  const claims: unknown = JSON.parse(Buffer.from(jwt.split(".")[1] ?? "", "base64url").toString("utf8"));
  const aud: unknown = typeof claims === "object" && claims !== null && "aud" in claims ? claims.aud : undefined;
  const list: readonly unknown[] = Array.isArray(aud) ? aud : [aud];
  return list.filter((one) => typeof one === "string");
}

function isJsonObject(part: string): boolean {
  try {
    const value: unknown = JSON.parse(Buffer.from(part, "base64url").toString("utf8"));
    return typeof value === "object" && value !== null && !Array.isArray(value);
  } catch {
    return false;
  }
}
