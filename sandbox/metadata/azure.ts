import type { PlatformNotices } from "./notices.ts";
import { json, type Replier } from "./reply.ts";
import { type DocumentSigner, signAsAzure } from "./sign-document.ts";

const LIFETIME_MS = 6 * 3_600_000;
/** The REST specification: up to 32 letters and digits. */
const NONCE = /^[A-Za-z0-9]{1,32}$/;

export interface AzureInstance {
  readonly vmId: string;
  readonly subscriptionId: string;
  readonly signer: DocumentSigner;
  /** Absent: it never announces anything. */
  readonly notices?: PlatformNotices;
  readonly now?: () => number;
}

/**
 * Azure's instance metadata service, one path of it. Source: Azure's documentation, "Azure Instance
 * Metadata Service", "Attested data" and "Errors and debugging".
 */
export function azure(instance: AzureInstance): Replier {
  return (asked) => {
    const { path, query, headers, isStale } = asked;
    if (headers["metadata"] !== "true" || headers["x-forwarded-for"] !== undefined) return refused(400, "Bad request");
    if (!/^\d{4}-\d\d-\d\d$/.test(query.get("api-version") ?? "")) return refused(400, "Bad request: api-version");
    const notice = instance.notices?.azure(asked);
    if (notice !== undefined) return notice;
    if (path !== "/metadata/attested/document") return refused(404, "Not found");
    const nonce = query.get("nonce") ?? "";
    if (!NONCE.test(nonce)) return refused(400, "Bad request: nonce");
    const content = document(instance, isStale ? "an0earlier0one" : nonce);
    const pkcs7 = signAsAzure(content, instance.signer);
    return json({ encoding: "pkcs7", signature: Buffer.from(pkcs7).toString("base64") });
  };
}

function refused(status: number, error: string): ReturnType<Replier> {
  return json({ error }, status);
}

function document({ vmId, subscriptionId, now = Date.now }: AzureInstance, nonce: string): string {
  return JSON.stringify({
    licenseType: "",
    nonce,
    plan: { name: "", product: "", publisher: "" },
    sku: "12-gen2",
    subscriptionId,
    timeStamp: { createdOn: stamp(now()), expiresOn: stamp(now() + LIFETIME_MS) },
    vmId,
  });
}

/** MM/DD/YY HH:MM:SS -0000 */
function stamp(atMs: number): string {
  const [, year, month, day, time] = /^\d\d(\d\d)-(\d\d)-(\d\d)T([\d:]{8})/.exec(new Date(atMs).toISOString()) ?? [];
  return `${month}/${day}/${year} ${time} -0000`;
}
