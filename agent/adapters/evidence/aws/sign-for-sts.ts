import type { StsCaller } from "./sts-caller.ts";

const FORM = "application/x-www-form-urlencoded; charset=utf-8";

/**
 * All headers of a call of STS's query API, by lower-case name; those that are given are signed,
 * too. The library that signs is loaded only when it is needed.
 */
export async function signForSts(
  { region, stsUrl, credentials }: StsCaller,
  body: string,
  headers: Readonly<Record<string, string>> = {},
): Promise<Readonly<Record<string, string>>> {
  const [{ SignatureV4 }, { Sha256 }] = await Promise.all([
    import("@smithy/signature-v4"),
    import("@smithy/core/checksum"),
  ]);
  const signer = new SignatureV4({
    service: "sts",
    region,
    sha256: Sha256,
    credentials: {
      accessKeyId: credentials.accessKeyId,
      secretAccessKey: credentials.secretAccessKey.reveal(),
      sessionToken: credentials.sessionToken.reveal(),
    },
  });
  const signed = await signer.sign({
    method: "POST",
    protocol: stsUrl.protocol,
    hostname: stsUrl.hostname,
    path: stsUrl.pathname,
    headers: { ...headers, host: stsUrl.host, "content-type": FORM },
    body,
  });
  return signed.headers;
}
