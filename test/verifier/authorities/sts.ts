import { createHash, createHmac } from "node:crypto";
import type { Fetch } from "../../../verifier/src/index.ts";
import { NOW_MS } from "./clock.ts";

export const ACCESS_KEY = "ASIAEXAMPLEEXAMPLE12";
const SECRET_KEY = "a secret of nobody";
export const BODY = "Action=GetCallerIdentity&Version=2011-06-15";

export type Headers = Readonly<Record<string, string>>;

/** Signature version 4, by the machine's side. `unsigned`: sent along and not signed. */
export function signedHeaders(
  headers: Headers,
  region: string,
  { unsigned = [], secret = SECRET_KEY }: { readonly unsigned?: readonly string[]; readonly secret?: string } = {},
): Headers {
  const names = Object.keys(headers)
    .filter((name) => !unsigned.includes(name))
    .toSorted();
  const signature = signatureOf(headers, names, region, secret);
  const scope = `${headers["x-amz-date"]?.slice(0, 8)}/${region}/sts/aws4_request`;
  return {
    ...headers,
    authorization: `AWS4-HMAC-SHA256 Credential=${ACCESS_KEY}/${scope}, SignedHeaders=${names.join(";")}, Signature=${signature}`,
  };
}

export function amzDate(ms = NOW_MS): string {
  return new Date(ms).toISOString().replace(/[-:]|\.\d+/g, "");
}

/** An STS that checks what it is sent as the real one does. */
export class Sts {
  readonly asked: string[] = [];
  readonly #secret: string;

  constructor(secret = SECRET_KEY) {
    this.#secret = secret;
  }

  answer = {
    Account: "123456789012",
    Arn: "arn:aws:sts::123456789012:assumed-role/builder/i-0123456789abcdef0",
    UserId: "AROAEXAMPLE:i-0123456789abcdef0",
  };
  /** In the place of an answer. */
  failure: (() => Promise<{ status: number; body: AsyncIterable<Uint8Array> | null }>) | undefined;

  readonly fetch: Fetch = async (url, { method, headers, body, redirect }) => {
    this.asked.push(url);
    if (this.failure !== undefined) return this.failure();
    const region = /^https:\/\/sts\.([a-z0-9-]+)\.amazonaws\.com\/$/.exec(url)?.[1];
    const names = /SignedHeaders=([^,]+)/.exec(headers["authorization"] ?? "")?.[1]?.split(";") ?? [];
    // What fetch names for itself.
    const sent = { ...headers, host: new URL(url).host, "content-length": String(body?.length) };
    const isGood =
      region !== undefined &&
      method === "POST" &&
      redirect === "manual" &&
      body === BODY &&
      headers["authorization"]?.endsWith(`Signature=${signatureOf(sent, names, region, this.#secret)}`);
    if (!isGood) return { status: 403, body: pieces("{}") };
    return {
      status: 200,
      body: pieces(JSON.stringify({ GetCallerIdentityResponse: { GetCallerIdentityResult: this.answer } })),
    };
  };
}

export async function* pieces(...texts: readonly string[]): AsyncGenerator<Uint8Array> {
  for (const text of texts) yield await Promise.resolve(Buffer.from(text));
}

function signatureOf(headers: Headers, names: readonly string[], region: string, secret: string): string {
  const date = headers["x-amz-date"] ?? "";
  const canonical = [
    ...["POST", "/", ""],
    ...names.map((name) => `${name}:${(headers[name] ?? "").trim()}`),
    ...["", names.join(";"), createHash("sha256").update(BODY).digest("hex")],
  ].join("\n");
  const scope = `${date.slice(0, 8)}/${region}/sts/aws4_request`;
  const toSign = ["AWS4-HMAC-SHA256", date, scope, createHash("sha256").update(canonical).digest("hex")].join("\n");
  const key = [date.slice(0, 8), region, "sts", "aws4_request"].reduce<string | Buffer>(
    (derived, part) => createHmac("sha256", derived).update(part).digest(),
    `AWS4${secret}`,
  );
  return createHmac("sha256", key).update(toSign).digest("hex");
}
