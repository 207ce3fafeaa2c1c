import type { TurnedAway } from "../core/turned-away.ts";

/**
 * OpenSSL's and Node's words for a handshake that did not come about, in ours. Any other:
 * "handshake-failed".
 */
const REASONS: Readonly<Record<string, TurnedAway>> = {
  ERR_SSL_UNSUPPORTED_PROTOCOL: "protocol-too-old",
  ERR_SSL_WRONG_VERSION_NUMBER: "not-tls",
  ERR_SSL_HTTP_REQUEST: "not-tls",
  ERR_SSL_HTTPS_PROXY_REQUEST: "not-tls",
  ERR_SSL_NO_APPLICATION_PROTOCOL: "no-common-alpn",
  ERR_SSL_TLSV1_ALERT_UNKNOWN_CA: "serving-certificate-not-trusted",
  ...clientSaid("BAD_CERTIFICATE"),
  ...clientSaid("CERTIFICATE_EXPIRED"),
  ...clientSaid("CERTIFICATE_UNKNOWN"),
  ERR_TLS_HANDSHAKE_TIMEOUT: "handshake-timeout",
  ECONNRESET: "handshake-abandoned",
  EPIPE: "handshake-abandoned",
};

/** An alert of TLS, as OpenSSL names it until 3.1 and since. */
function clientSaid(alert: string): Readonly<Record<string, TurnedAway>> {
  const reason = "serving-certificate-not-trusted";
  return { [`ERR_SSL_SSLV3_ALERT_${alert}`]: reason, [`ERR_SSL_SSL/TLS_ALERT_${alert}`]: reason };
}

export function handshakeFailure(error: NodeJS.ErrnoException): {
  readonly reason: TurnedAway;
  readonly detail: string;
} {
  const reason = REASONS[error.code ?? ""] ?? "handshake-failed";
  return { reason, detail: error.code ?? error.message };
}
