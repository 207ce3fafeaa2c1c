import type { KMSClientConfig } from "@aws-sdk/client-kms";
import type { WrappedKey } from "../../core/desired-state.ts";
import { AgentError } from "../../core/errors.ts";
import { Secret } from "../../core/secret.ts";
import { VOLUME_KEY_BYTES } from "../../core/volume/order.ts";
import { Deadline } from "../../lifecycle/deadline.ts";
import type { KeyUnwrap } from "../../ports/key-unwrap.ts";
import { kmsError } from "./kms-error.ts";

const PROVIDER = "aws-kms";

/** All attempts together, the first look for credentials included. */
const DEADLINE_MS = 20_000;
const CONNECT_MS = 3_000;
const ANSWER_MS = 6_000;
/** Within the deadline; whoever asks tries again anyway. */
const ATTEMPTS = 3;

export interface AwsKmsOptions {
  /** Another place than the region's own, for instance a VPC endpoint. */
  readonly endpoint?: string;
  /** Absent: as the SDK finds them, on EC2 the instance's role. */
  readonly credentials?: NonNullable<KMSClientConfig["credentials"]>;
  readonly deadlineMs?: number;
}

/** AWS KMS. The SDK is large, and loaded only when a key is to be unwrapped. */
export function awsKms(options: AwsKmsOptions = {}): KeyUnwrap {
  return {
    async unwrap(wrapped, signal) {
      if (wrapped.provider !== PROVIDER)
        throw new AgentError(
          "kms.unknown-provider",
          `The cache volume's key is wrapped by ${JSON.stringify(wrapped.provider.slice(0, 64))}: this agent can ask ${PROVIDER} only`,
          { retryable: false },
        );
      const region = regionOf(wrapped.keyId);
      signal.throwIfAborted();
      using deadline = new Deadline(options.deadlineMs ?? DEADLINE_MS, signal);
      try {
        return ownKey(await decrypt(wrapped, region, options, deadline.signal), wrapped.keyId);
      } catch (cause) {
        signal.throwIfAborted();
        throw cause instanceof AgentError ? cause : kmsError(wrapped.keyId, cause, deadline.hasExpired);
      }
    },
  };
}

async function decrypt(
  { keyId, ciphertext, encryptionContext }: WrappedKey,
  region: string,
  { endpoint, credentials }: AwsKmsOptions,
  abortSignal: AbortSignal,
): Promise<Uint8Array> {
  const { DecryptCommand, KMSClient } = await import("@aws-sdk/client-kms");
  const client = new KMSClient({
    region,
    ...(endpoint !== undefined && { endpoint }),
    ...(credentials !== undefined && { credentials }),
    maxAttempts: ATTEMPTS,
    requestHandler: { connectionTimeout: CONNECT_MS, requestTimeout: ANSWER_MS, throwOnRequestTimeout: true },
  });
  try {
    const command = new DecryptCommand({
      // KMS then refuses a ciphertext of any other key.
      KeyId: keyId,
      CiphertextBlob: ciphertext,
      EncryptionContext: { ...encryptionContext },
    });
    const { Plaintext: plaintext } = await aborting(client.send(command, { abortSignal }), abortSignal);
    return plaintext ?? new Uint8Array();
  } finally {
    client.destroy();
  }
}

/** The SDK does not look at the signal while it looks for credentials or waits between attempts. */
function aborting<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const abort = (): void => reject(signal.reason instanceof Error ? signal.reason : new Error("Cancelled"));
    if (signal.aborted) abort();
    signal.addEventListener("abort", abort, { once: true });
    work.finally(() => signal.removeEventListener("abort", abort)).then(resolve, reject);
  });
}

/** In memory of its own: the SDK decodes into a pool that others share. */
function ownKey(plaintext: Uint8Array, keyId: string): Secret<Uint8Array> {
  const key = Uint8Array.from(plaintext);
  plaintext.fill(0);
  if (key.length === VOLUME_KEY_BYTES) return new Secret(key);
  key.fill(0);
  throw new AgentError(
    "kms.malformed-key",
    `What ${keyId} had wrapped has ${key.length} bytes: a cache volume's key must have ${VOLUME_KEY_BYTES}`,
    { retryable: false },
  );
}

/**
 * "arn:aws:kms:eu-central-1:111122223333:key/…" → "eu-central-1". @throws {AgentError}
 * "kms.malformed-key"
 */
function regionOf(keyId: string): string {
  const region = /^arn:aws[\w-]*:kms:(?<region>[a-z0-9-]+):\d{12}:(?:key|alias)\/\S+$/.exec(keyId)?.groups?.["region"];
  if (region !== undefined) return region;
  throw new AgentError(
    "kms.malformed-key",
    `${JSON.stringify(keyId.slice(0, 200))} is no key's ARN (arn:aws:kms:<region>:<account>:key/<id>), so that its region is unknown`,
    { retryable: false },
  );
}
