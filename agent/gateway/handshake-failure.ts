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
  ERR_TLS_HANDSHAKE_TIMEOUT: "handshake-timeout",
  ECONNRESET: "handshake-abandoned",
  EPIPE: "handshake-abandoned",
};

export function handshakeFailure(error: NodeJS.ErrnoException): {
  readonly reason: TurnedAway;
  readonly detail: string;
} {
  const reason = REASONS[error.code ?? ""] ?? "handshake-failed";
  return { reason, detail: error.code ?? error.message };
}
