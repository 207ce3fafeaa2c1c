import { AgentError } from "../../core/errors.ts";

interface Meaning {
  readonly code: string;
  readonly retryable: boolean;
  /** After the key's name. */
  readonly text: string;
}

const DENIED: Meaning = {
  code: "kms.denied",
  retryable: false,
  text: "may not be used by this machine's role: allow it kms:Decrypt, with this encryption context",
};
const WRONG_CIPHERTEXT: Meaning = {
  code: "kms.wrong-ciphertext",
  retryable: false,
  text: "did not wrap this key, or not with this encryption context",
};
const UNUSABLE: Meaning = {
  code: "kms.key-unusable",
  retryable: false,
  text: "is disabled, about to be deleted, or not for this use",
};
const THROTTLED: Meaning = { code: "kms.throttled", retryable: true, text: "is asked too often at the moment" };
const FAILED: Meaning = { code: "kms.failed", retryable: true, text: "could not be used: KMS has a fault of its own" };
const NO_CREDENTIALS: Meaning = {
  code: "kms.no-credentials",
  retryable: true,
  text: "could not be used: this machine has no valid credentials; does it have an instance role?",
};
const UNREACHABLE: Meaning = {
  code: "kms.unreachable",
  retryable: true,
  text: "could not be used: KMS does not answer",
};
const NOT_FOUND: Meaning = { code: "kms.not-found", retryable: false, text: "does not exist" };

/**
 * Errors of the operation Decrypt, and those that all of AWS's operations share, as their
 * references name them.
 */
const MEANINGS: Readonly<Record<string, Meaning>> = {
  AccessDeniedException: DENIED,
  AccessDenied: DENIED,
  InvalidGrantTokenException: DENIED,
  InvalidCiphertextException: WRONG_CIPHERTEXT,
  IncorrectKeyException: WRONG_CIPHERTEXT,
  DisabledException: UNUSABLE,
  KMSInvalidStateException: UNUSABLE,
  InvalidKeyUsageException: UNUSABLE,
  KeyUnavailableException: { ...UNUSABLE, retryable: true, text: "is not available at the moment" },
  NotFoundException: NOT_FOUND,
  ThrottlingException: THROTTLED,
  LimitExceededException: THROTTLED,
  KMSInternalException: FAILED,
  DependencyTimeoutException: FAILED,
  ServiceUnavailableException: FAILED,
  InternalFailure: FAILED,
  CredentialsProviderError: NO_CREDENTIALS,
  TokenProviderError: NO_CREDENTIALS,
  UnrecognizedClientException: NO_CREDENTIALS,
  InvalidClientTokenId: NO_CREDENTIALS,
  ExpiredTokenException: NO_CREDENTIALS,
  InvalidSignatureException: NO_CREDENTIALS,
  IncompleteSignature: NO_CREDENTIALS,
  MissingAuthenticationToken: NO_CREDENTIALS,
};

/** What the SDK threw → what it means for the volume, with the cause kept. */
export function kmsError(keyId: string, cause: unknown, deadlinePassed: boolean): AgentError {
  const { code, retryable, text } = deadlinePassed ? UNREACHABLE : meaningOf(cause);
  return new AgentError(code, `The KMS key ${keyId} ${text}`, { retryable, cause });
}

function meaningOf(cause: unknown): Meaning {
  if (!(cause instanceof Error)) return FAILED;
  const known = MEANINGS[cause.name];
  if (known !== undefined) return known;
  const status = httpStatus(cause);
  // Without an answer it is the way there: a name, a connection, TLS.
  if (status === undefined) return UNREACHABLE;
  if (status >= 500) return FAILED;
  return { code: "kms.refused", retryable: false, text: `was refused (${cause.name})` };
}

function httpStatus(error: Error): number | undefined {
  const metadata: unknown = "$metadata" in error ? error.$metadata : undefined;
  const status: unknown =
    typeof metadata === "object" && metadata !== null && "httpStatusCode" in metadata
      ? metadata.httpStatusCode
      : undefined;
  return typeof status === "number" ? status : undefined;
}
