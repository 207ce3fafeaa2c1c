import type { X509Certificate } from "node:crypto";
import { inWords } from "../../../core/errors.ts";
import type { Log } from "../../../ports/log.ts";
import { ask } from "../metadata/ask.ts";
import { Budget } from "../metadata/budget.ts";
import { certificateOf, certificatesIn } from "./certificates-in.ts";

export interface ChainPlaces {
  /** In place of the hosts that are known; "none": nobody is asked. */
  readonly azureCertificatesUrl?: string | undefined;
  readonly log?: Pick<Log, "warn">;
}

/** Of all hops together; a document without its chain is better than none. */
const CHAIN_MS = 1_500;
/** Azure's chains have two certificates between signer and root. */
const MOST_HOPS = 3;
/**
 * Where Microsoft publishes what is above its metadata service's signer, and nowhere else: what a
 * document names is not asked because it names it. Source: Azure's documentation, "Attested data"
 * and "Azure Certificate Authority details".
 */
const PUBLISHERS: Readonly<Record<string, RegExp>> = {
  "www.microsoft.com": /^\/pkiops\/certs\/[\w.%-]+\.crt$/,
  "cacerts.digicert.com": /^\/[\w.%-]+\.crt$/,
};
const TYPES = ["application/octet-stream", "application/pkix-cert", "application/x-x509-ca-cert", ""];
const CA_ISSUERS = /^CA Issuers - URI:(\S+)$/m;

/**
 * The certificates between an attested document's signer and its root, DER, as far as they can be
 * had: the metadata service does not give them. Each has signed the one below it. Never fails: a
 * control plane may know them itself.
 */
export async function chainAbove(
  pkcs7: Uint8Array,
  { azureCertificatesUrl, log }: ChainPlaces,
  outer: Budget,
): Promise<readonly Uint8Array[]> {
  if (azureCertificatesUrl === "none") return [];
  const carried = certificatesIn(pkcs7);
  const found: X509Certificate[] = [];
  using budget = new Budget({ budgetMs: CHAIN_MS }, outer.signal);
  try {
    let below = carried.find(({ ca }) => !ca);
    for (let hop = 0; below !== undefined && hop < MOST_HOPS; hop += 1) {
      const above = issuerAmong(carried, below) ?? (await askIssuer(below, azureCertificatesUrl, budget));
      if (above === undefined || isRoot(above)) break;
      found.push(above);
      below = above;
    }
  } catch (failure) {
    // What there is may do; with nothing at all, somebody may look for this line.
    if (found.length === 0) log?.warn({ because: inWords(failure) }, "identity.azure-chain-not-had");
  }
  return found.map(({ raw }) => raw);
}

function issuerAmong(carried: readonly X509Certificate[], below: X509Certificate): X509Certificate | undefined {
  return carried.find((one) => one !== below && hasIssued(one, below));
}

/** @throws {AgentError} it could not be had. */
async function askIssuer(
  below: X509Certificate,
  instead: string | undefined,
  budget: Budget,
): Promise<X509Certificate | undefined> {
  const url = publisherOf(below, instead);
  if (url === undefined) return undefined;
  const { bytes } = await ask({ whom: "Microsoft's certificate server", method: "GET", url, types: TYPES }, budget);
  const above = certificateOf(bytes);
  return above !== undefined && hasIssued(above, below) ? above : undefined;
}

function publisherOf(below: X509Certificate, instead: string | undefined): URL | undefined {
  const named = CA_ISSUERS.exec(below.infoAccess ?? "")?.[1];
  if (named === undefined || !URL.canParse(named)) return undefined;
  const url = new URL(named);
  const isPlain = /^https?:$/.test(url.protocol) && url.port === "" && url.username === "" && url.password === "";
  const path = Object.hasOwn(PUBLISHERS, url.hostname) ? PUBLISHERS[url.hostname] : undefined;
  if (!isPlain || url.search !== "" || path?.test(url.pathname) !== true) return undefined;
  return instead === undefined ? url : new URL(url.pathname, instead);
}

function hasIssued(above: X509Certificate, below: X509Certificate): boolean {
  return above.ca && below.checkIssued(above) && below.verify(above.publicKey);
}

/** It is the control plane's to have, and to trust. */
function isRoot(certificate: X509Certificate): boolean {
  return certificate.checkIssued(certificate);
}
