import { X509Certificate } from "node:crypto";
import { connect, type DetailedPeerCertificate } from "node:tls";
import { AgentError, inWords } from "../../core/errors.ts";
import { pemCertificates } from "../../core/pem.ts";
import type { PlaneAddress } from "./trusted-channel.ts";

/** OpenSSL's words for a certificate whose dates and our clock do not agree. */
const DATES = /certificate (has expired|is not yet valid)/;

/** Most certificates of a chain that are looked at. */
const LONGEST_CHAIN = 10;

/**
 * For a connection that failed: where it was for a date in the control plane's certificate, which
 * dates, and what our clock says; "" otherwise. OpenSSL does not tell them, so the far end is asked
 * once more what it shows, and nothing is said to it. Ends after `limitMs`; never rejects.
 */
export async function whyUntrusted(
  address: PlaneAddress,
  details: string,
  nowMs: number,
  limitMs: number,
): Promise<string> {
  if (!DATES.test(details)) return "";
  const here = `this machine's clock says ${new Date(nowMs).toISOString()}`;
  const doubt = "if that is not the time, set the clock right; else the control plane's certificate is to be renewed";
  const shown = await shownBy(address, limitMs).catch((err: unknown) => ({ because: inWords(err) }));
  if ("because" in shown) return `; ${here}, and which dates it shows could not be seen: ${shown.because}. ${doubt}`;
  const off = shown.find(({ validFrom, validTo }) => !(Date.parse(validFrom) <= nowMs && nowMs < Date.parse(validTo)));
  const { subject, validFrom, validTo } = off ?? shown[0];
  const name = subject.split("\n").join(", ");
  const dates = `the certificate of ${name} is valid from ${iso(validFrom)} to ${iso(validTo)}`;
  if (!isBelow(shown, address.caPem)) return `; ${dates}, and no pinned CA has signed it: it is somebody else's`;
  return `; ${dates}, and ${here}: ${doubt}`;
}

/** The leaf first. */
type Chain = readonly [X509Certificate, ...X509Certificate[]];

/** Whether a pinned CA is in it, or has signed one of it. */
function isBelow(chain: Chain, caPem: string): boolean {
  const cas = (pemCertificates(caPem) ?? []).map((pem) => new X509Certificate(pem));
  return chain.some((one) => cas.some((ca) => one.checkIssued(ca) && one.verify(ca.publicKey)));
}

/** What the far end shows, whoever it is: it is believed in nothing. */
function shownBy({ endpoint, serverName, proxy, caPem }: PlaneAddress, limitMs: number): Promise<Chain> {
  return new Promise((resolve, reject) => {
    if (proxy !== undefined) return reject(unseen("the way leads by a proxy"));
    const { hostname, port } = new URL(`https://${endpoint}`);
    const host = hostname.replace(/^\[|\]$/g, "");
    const name = serverName === undefined ? {} : { servername: serverName };
    const socket = connect({
      ...{ host, port: Number(port) || 443, ca: caPem, allowPartialTrustChain: true },
      ...{ minVersion: "TLSv1.3", ALPNProtocols: ["h2"], rejectUnauthorized: false, ...name },
    });
    const limit = setTimeout(() => socket.destroy(unseen(`no answer within ${limitMs} ms`)), limitMs);
    socket.on("error", reject);
    socket.on("close", () => {
      clearTimeout(limit);
      reject(unseen("the connection was closed"));
    });
    socket.once("secureConnect", () => {
      resolve(chainOf(socket.getPeerCertificate(true)));
      socket.destroy();
    });
  });
}

/** Node ends a chain with a certificate that is its own issuer. */
function chainOf(leaf: DetailedPeerCertificate): Chain {
  const above: X509Certificate[] = [];
  for (let at = leaf; at.issuerCertificate !== undefined && at.issuerCertificate !== at; at = at.issuerCertificate) {
    if (above.length >= LONGEST_CHAIN) break;
    above.push(new X509Certificate(at.issuerCertificate.raw));
  }
  return [new X509Certificate(leaf.raw), ...above];
}

function unseen(because: string): AgentError {
  return new AgentError("control-plane.certificate-unseen", because, { retryable: true });
}

function iso(date: string): string {
  const ms = Date.parse(date);
  return Number.isNaN(ms) ? date : new Date(ms).toISOString();
}
