import { createSecureContext, type TlsOptions } from "node:tls";
import type { AnchorCa } from "../ports/peer-reader.ts";
import type { ServingCertificate } from "./serving.ts";

/**
 * SSL_OP_NO_TICKET (openssl/ssl.h): a saved session must not outlive the judgement on its
 * certificate. With TLS 1.3 OpenSSL by itself still sends tickets, as names of sessions that nobody
 * keeps: the process's own OpenSSL configuration leaves those out (cli/gateway-environment.ts).
 */
const NO_TICKET = 0x4000;

/** AES-128 first: measured fastest here, and as strong as the P-256 keys beside it. */
const CIPHERS = "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256";

/**
 * Groups of the key exchange: those that clients offer. OpenSSL's own list has finite fields too:
 * one hello that wants the largest costs 100 ms (measured, ffdhe8192). The first is hybrid with
 * ML-KEM, and unknown to OpenSSL before 3.5.
 */
const GROUPS = "X25519:P-256:P-384:P-521";
const GROUPS_WITH_HYBRID = `X25519MLKEM768:${GROUPS}`;

/**
 * The whole of how we speak TLS. A certificate is asked for and its chain verified against `cas`
 * alone, but the handshake lets everybody pass: the judgement is ours, so that each refusal has a
 * reason (core/authorise.ts). `h2` is selected where it is offered; who offers nothing is served
 * too; who offers only other protocols gets the alert that RFC 7301 asks for.
 */
export function tlsOptions(serving: ServingCertificate, cas: readonly AnchorCa[]): TlsOptions {
  return {
    key: serving.key.pem.reveal(),
    cert: serving.chainPem,
    ca: cas.map((ca) => ca.pem),
    requestCert: true,
    rejectUnauthorized: false,
    minVersion: "TLSv1.3",
    maxVersion: "TLSv1.3",
    ciphers: CIPHERS,
    ecdhCurve: groups(),
    honorCipherOrder: true,
    secureOptions: NO_TICKET,
    ALPNProtocols: ["h2"],
  };
}

function groups(): string {
  try {
    createSecureContext({ ecdhCurve: GROUPS_WITH_HYBRID });
    return GROUPS_WITH_HYBRID;
  } catch {
    return GROUPS;
  }
}
