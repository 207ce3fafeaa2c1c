import * as z from "zod";
import { Secret } from "../../core/secret.ts";
import type { StoredIdentity } from "../../ports/keys.ts";
import { readDates } from "./certificate-reader.ts";
import { privateKeyFromPem } from "./private-key.ts";

const IdentityFile = z.strictObject({
  version: z.literal(1),
  bootId: z.string().min(1),
  machineId: z.string().min(1),
  keyPem: z.string().min(1),
  chainPem: z.string().min(1),
  renewedMonoMs: z.number().optional(),
  trust: z.strictObject({ trustDomain: z.string().min(1), buildCas: z.array(z.string().min(1)).min(1) }),
});

/** What the file holds: `stored` under the boot that it belongs to. */
export interface KeptIdentity {
  readonly bootId: string;
  readonly stored: StoredIdentity;
}

export function encodeIdentity({ bootId, stored: { identity, renewedMonoMs, trust } }: KeptIdentity): string {
  const { machineId, key, chainPem } = identity;
  return JSON.stringify({ version: 1, bootId, machineId, keyPem: key.pem.reveal(), chainPem, renewedMonoMs, trust });
}

/**
 * Undefined if the text is damaged. Why is not told: a parser's words quote what it read, and that
 * holds a private key.
 */
export async function decodeIdentity(text: string): Promise<KeptIdentity | undefined> {
  try {
    const { bootId, machineId, keyPem, chainPem, renewedMonoMs, trust } = IdentityFile.parse(JSON.parse(text));
    const key = await privateKeyFromPem(new Secret(keyPem));
    const identity = { machineId, key, chainPem, ...readDates(chainPem, key) };
    return { bootId, stored: { identity, trust, ...(renewedMonoMs !== undefined && { renewedMonoMs }) } };
  } catch {
    return undefined;
  }
}
