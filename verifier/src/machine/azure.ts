import { requireAllowed } from "../allowed.ts";
import { azureNonce } from "../challenge.ts";
import { objectMember, textMember } from "../members.ts";
import { quoted } from "../quoted.ts";
import { Refused } from "../refusal.ts";
import { parseJsonObject } from "../strict-json.ts";
import { configuredCertificate, dnsNames, type ParsedCertificate, parseCertificate } from "../x509/certificate.ts";
import { requirePath } from "../x509/path.ts";
import { SignedContent } from "../x509/signed-data.ts";
import type { Surroundings } from "./surroundings.ts";

export interface Azure {
  readonly kind: "azure";
  /** The attested document, DER. */
  readonly pkcs7: Uint8Array;
  /** DER, of the chain above the signer. Nothing is ever fetched. */
  readonly intermediates: readonly Uint8Array[];
}

export interface AzurePolicy {
  /** PEM: DigiCert Global Root G2 and what else Microsoft says of its metadata service. */
  readonly roots: readonly string[];
  /** PEM: what you know of the chain between, for agents that do not send it. */
  readonly intermediates?: readonly string[];
  readonly subscriptions: readonly string[];
  /** Of the cloud that the machines are in: "metadata.azure.com", "metadata.azure.us", … */
  readonly signer: string;
}

export interface AzureClaims {
  readonly kind: "azure";
  readonly instance: string;
  readonly subscription: string;
  readonly vmId: string;
}

const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;
/** Of web servers' certificates: only for those do authorities look who owns a DNS name. */
const SERVER_AUTHENTICATION = "1.3.6.1.5.5.7.3.1";
const LEEWAY_MS = 60_000;
const TIME = /^(\d\d)\/(\d\d)\/(\d\d) (\d\d):(\d\d):(\d\d) -0000$/;

export async function verifyAzure(
  { pkcs7, intermediates }: Azure,
  policy: AzurePolicy,
  { challenge, nowMs }: Surroundings,
): Promise<AzureClaims> {
  const signed = SignedContent.read(pkcs7);
  const bag = signed.bag();
  const signer = await signed.verifyWith(bag, "a certificate that came along");
  requireName(signer, policy.signer);
  const known = (policy.intermediates ?? []).map(configuredCertificate);
  const roots = policy.roots.map(configuredCertificate);
  const above = [...known, ...bag, ...intermediates.map(parseCertificate)];
  await requirePath({ leaf: signer, intermediates: above, roots, purpose: SERVER_AUTHENTICATION }, nowMs);
  const document = parseJsonObject(signed.content, "attested document");
  requireTimes(objectMember(document, "timeStamp"), nowMs);
  if (textMember(document, "nonce", /^[\x20-\x7e]{1,64}$/) !== azureNonce(challenge))
    throw new Refused("binding-mismatch", "The document is bound to another challenge, or to another key.");
  const vmId = textMember(document, "vmId", UUID).toLowerCase();
  const subscription = textMember(document, "subscriptionId", UUID).toLowerCase();
  requireAllowed(
    "subscription",
    subscription,
    policy.subscriptions.map((one) => one.toLowerCase()),
  );
  return { kind: "azure", instance: `azure/${subscription}/${vmId}`, subscription, vmId };
}

/** The name itself, or a region's below it; a wildcard of more than that is somebody else's. */
function requireName(signer: ParsedCertificate, name: string): void {
  const names = dnsNames(signer);
  const isOurs = names.some((one) => {
    const below = one.endsWith(`.${name}`) ? one.slice(0, -name.length - 1) : undefined;
    return one === name || (below !== undefined && /^(?:\*|[a-z0-9-]+)$/.test(below));
  });
  const shown = names.length === 0 ? "no DNS name" : quoted(names.join(", "));
  if (!isOurs)
    throw new Refused("signer-name", `The signer's certificate is not for the metadata service: it has ${shown}.`);
}

function requireTimes(times: Parameters<typeof textMember>[0], nowMs: number): void {
  if (nowMs >= parseTime(textMember(times, "expiresOn", TIME)) + LEEWAY_MS)
    throw new Refused("expired", "The document has expired.");
  if (parseTime(textMember(times, "createdOn", TIME)) > nowMs + LEEWAY_MS)
    throw new Refused("not-yet-valid", "The document is from the future.");
}

/** MM/DD/YY HH:MM:SS -0000, which is UTC. */
function parseTime(text: string): number {
  const [, month, day, year, hour, minute, second] = TIME.exec(text) ?? [];
  const ms = Date.parse(`20${year}-${month}-${day}T${hour}:${minute}:${second}Z`);
  if (Number.isNaN(ms)) throw new Refused("malformed", "A time of the document does not exist.");
  return ms;
}
