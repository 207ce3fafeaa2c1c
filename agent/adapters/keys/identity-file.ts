import * as z from "zod";
import { Secret } from "../../core/secret.ts";
import type { StoredIdentity } from "../../ports/keys.ts";
import { readLeafDates } from "./certificate-reader.ts";
import { privateKeyFromPem } from "./private-key.ts";

const IdentityFile = z.strictObject({
  version: z.literal(1),
  bootId: z.string().min(1),
  machineId: z.string().min(1),
  keyPem: z.string().min(1),
  chainPem: z.string().min(1),
  trust: z.strictObject({ trustDomain: z.string().min(1), buildCas: z.array(z.string().min(1)).min(1) }),
});

/** What the file holds: `stored` under the boot that it belongs to. */
export interface KeptIdentity {
  readonly bootId: string;
  readonly stored: StoredIdentity;
}

export function encodeIdentity({ bootId, stored: { identity, trust } }: KeptIdentity): string {
  const { machineId, key, chainPem } = identity;
  return JSON.stringify({ version: 1, bootId, machineId, keyPem: key.pem.reveal(), chainPem, trust });
}

/** Undefined if the text is damaged. Why is not told: a parser's words quote what it read, and that holds a private key. */
export async function decodeIdentity(text: string): Promise<KeptIdentity | undefined> {
  try {
    const { bootId, machineId, keyPem, chainPem, trust } = IdentityFile.parse(JSON.parse(text));
    const key = await privateKeyFromPem(new Secret(keyPem));
    return { bootId, stored: { identity: { machineId, key, chainPem, ...readLeafDates(chainPem, key) }, trust } };
  } catch {
    return undefined;
  }
}
