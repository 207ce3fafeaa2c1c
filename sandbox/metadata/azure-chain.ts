import { certify, type Holder } from "./document-authority.ts";
import { page, type Replier } from "./reply.ts";

/** Where Microsoft publishes the certificates of its chain. */
const PUBLISHED_AT = "http://www.microsoft.com/pkiops/certs/";
const FIRST = "Sandbox%20TLS%20RSA%20CA%2001%20-%20xsign.crt";
const SECOND = "Sandbox%20TLS%20RSA%20Root%20G2%20-%20xsign.crt";

export interface AzureChain {
  readonly root: Holder;
  readonly signer: Holder;
  /** Serves what is between, by its path. */
  readonly replier: Replier;
}

/**
 * A chain as long as Azure's of 2026: signer, two certificates between, root. The signer says where
 * the first is, that where the second is. Source: Azure's documentation, "Azure Certificate
 * Authority details".
 */
export async function azureChain(): Promise<AzureChain> {
  const root = await certify({ name: "Sandbox Global Root G2", key: "P-384", isCa: true });
  const second = await certify({ name: "Sandbox TLS RSA Root G2", key: "P-384", issuer: root, isCa: true });
  const first = await certify({
    ...{ name: "Sandbox TLS RSA CA 01", key: "P-384", issuer: second, isCa: true },
    caIssuers: `${PUBLISHED_AT}${SECOND}`,
  });
  const dns = "metadata.azure.com";
  const signer = await certify({ name: dns, key: "RSA", issuer: first, dns, caIssuers: `${PUBLISHED_AT}${FIRST}` });
  const published = new Map([
    [new URL(`${PUBLISHED_AT}${FIRST}`).pathname, first],
    [new URL(`${PUBLISHED_AT}${SECOND}`).pathname, second],
  ]);
  const replier: Replier = ({ path }) => {
    const found = published.get(path);
    if (found === undefined) return page(404);
    return { status: 200, type: "application/octet-stream", body: found.certificateDer };
  };
  return { root, signer, replier };
}
