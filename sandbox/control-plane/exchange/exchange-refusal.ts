/** Words of RFC 6749 (5.2), RFC 8693 (2.2.2) and RFC 6750 (3.1). */
export type OAuthError =
  | "invalid_request"
  | "unsupported_grant_type"
  | "invalid_scope"
  | "invalid_target"
  | "invalid_token"
  | "insufficient_scope"
  | "temporarily_unavailable"
  | "server_error";

/**
 * An answer that says no, as it goes over the wire: `code` is stable, the message a sentence for
 * whoever reads the job's log. Neither holds a word of a token, or of what is trusted.
 */
export class ExchangeRefusal extends Error {
  readonly status: number;
  readonly error: OAuthError;
  readonly code: string;
  /** Seconds. */
  readonly retryAfterS: number | undefined;

  constructor(
    status: number,
    error: OAuthError,
    code: string,
    message: string,
    more: { readonly retryAfterS?: number; readonly cause?: unknown } = {},
  ) {
    super(message, { cause: more.cause });
    this.name = "ExchangeRefusal";
    this.status = status;
    this.error = error;
    this.code = code;
    this.retryAfterS = more.retryAfterS;
  }

  static unauthorized(): ExchangeRefusal {
    return new ExchangeRefusal(401, "invalid_token", "access-token-invalid", "The access token is unknown or expired.");
  }

  static forNow(code: string, message: string, cause?: unknown): ExchangeRefusal {
    return new ExchangeRefusal(503, "temporarily_unavailable", code, message, { retryAfterS: 5, cause });
  }
}
