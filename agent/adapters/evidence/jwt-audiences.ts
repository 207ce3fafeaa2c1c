import * as z from "zod";

const BASE64URL = /^[A-Za-z0-9_-]+$/;
const Header = z.looseObject({ alg: z.string() });
const Claims = z.looseObject({ aud: z.union([z.string().transform((one) => [one]), z.array(z.string())]).default([]) });

/** Whom a JWT is for; undefined if it does not have the shape of a signed one (RFC 7519, compact). Its signature is not checked. */
export function audiencesOf(jwt: string): readonly string[] | undefined {
  const [header, claims, signature, ...rest] = jwt.split(".");
  if (header === undefined || claims === undefined || signature === undefined || rest.length > 0) return undefined;
  if (!BASE64URL.test(signature) || !Header.safeParse(decode(header)).success) return undefined;
  return Claims.safeParse(decode(claims)).data?.aud;
}

function decode(part: string): unknown {
  if (!BASE64URL.test(part)) return undefined;
  try {
    return JSON.parse(Buffer.from(part, "base64url").toString("utf8"));
  } catch {
    return undefined;
  }
}
