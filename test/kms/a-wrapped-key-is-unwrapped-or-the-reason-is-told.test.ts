import { randomBytes } from "node:crypto";
import { expect, it } from "vitest";
import { awsKms } from "../../agent/adapters/kms/aws-kms.ts";
import type { WrappedKey } from "../../agent/core/desired-state.ts";
import { AgentError } from "../../agent/core/errors.ts";
import { fixedPort } from "../../sandbox/net/fixed-port.ts";
import { type KmsAnswer, StandInKms } from "./stand-in-kms.ts";

const KEY_ID = "arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab";
const WRAPPED: WrappedKey = {
  provider: "aws-kms",
  keyId: KEY_ID,
  ciphertext: Buffer.from("wrapped"),
  encryptionContext: { org: "acme", volume: "cache" },
};
const credentials = { accessKeyId: "AKIDEXAMPLE", secretAccessKey: "secret" };
const never = new AbortController().signal;

function unwrap(endpoint: string, wrapped: Partial<WrappedKey> = {}, deadlineMs = 15_000, signal = never) {
  return awsKms({ endpoint, credentials, deadlineMs }).unwrap({ ...WRAPPED, ...wrapped }, signal);
}

async function failureOf(work: Promise<unknown>): Promise<AgentError> {
  const failure: unknown = await work.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (failure instanceof AgentError) return failure;
  throw new Error(`It did not fail as it should: ${String(failure)}`);
}

it("gives the key that was wrapped, asked for in the key's own region, with its context, and leaves no connection behind", async () => {
  const plaintext = randomBytes(64);
  await using kms = await StandInKms.listen({ plaintext, keyId: KEY_ID });
  const key = await unwrap(kms.endpoint);
  expect(Buffer.from(key.reveal())).toEqual(plaintext);
  expect(String(key)).toBe("[secret]");
  const [request] = kms.requests;
  expect(request).toMatchObject({
    target: "TrentService.Decrypt",
    contentType: "application/x-amz-json-1.1",
    body: {
      KeyId: KEY_ID,
      CiphertextBlob: Buffer.from("wrapped").toString("base64"),
      EncryptionContext: { org: "acme", volume: "cache" },
    },
  });
  expect(request?.authorization).toContain("/eu-central-1/kms/aws4_request");
  await expect.poll(() => kms.connections(), { timeout: 10_000 }).toBe(0);
});

it("has the key in memory that nobody else uses, so that it can be overwritten", async () => {
  await using kms = await StandInKms.listen({ plaintext: randomBytes(64), keyId: KEY_ID });
  const bytes = (await unwrap(kms.endpoint)).reveal();
  expect(bytes.buffer.byteLength).toBe(64);
});

const SERVICE_ERRORS: readonly { error: string; status?: number; code: string; retryable: boolean }[] = [
  { error: "AccessDeniedException", code: "kms.denied", retryable: false },
  { error: "InvalidCiphertextException", code: "kms.wrong-ciphertext", retryable: false },
  { error: "IncorrectKeyException", code: "kms.wrong-ciphertext", retryable: false },
  { error: "DisabledException", code: "kms.key-unusable", retryable: false },
  { error: "KMSInvalidStateException", code: "kms.key-unusable", retryable: false },
  { error: "NotFoundException", code: "kms.not-found", retryable: false },
  { error: "ThrottlingException", code: "kms.throttled", retryable: true },
  { error: "KMSInternalException", status: 500, code: "kms.failed", retryable: true },
  { error: "UnrecognizedClientException", code: "kms.no-credentials", retryable: true },
  { error: "ExpiredTokenException", code: "kms.no-credentials", retryable: true },
  { error: "SomethingNewException", code: "kms.refused", retryable: false },
  { error: "SomethingNewException", status: 503, code: "kms.failed", retryable: true },
];

it.each(SERVICE_ERRORS)("tells $error as $code, retryable: $retryable", async ({ error, status, code, retryable }) => {
  const answer: KmsAnswer = { error, ...(status !== undefined && { status }) };
  await using kms = await StandInKms.listen(answer);
  const failure = await failureOf(unwrap(kms.endpoint));
  expect(failure).toMatchObject({ code, retryable });
  expect(failure.message).toContain(KEY_ID);
  expect(failure.cause).toMatchObject({ name: error });
});

it("asks again within its deadline when KMS is throttled for a moment", async () => {
  const plaintext = randomBytes(64);
  await using kms = await StandInKms.listen({ error: "ThrottlingException" }, { plaintext, keyId: KEY_ID });
  expect(Buffer.from((await unwrap(kms.endpoint)).reveal())).toEqual(plaintext);
  expect(kms.requests).toHaveLength(2);
});

it("tells within its deadline that KMS does not answer", async () => {
  await using kms = await StandInKms.listen("silence");
  expect(await failureOf(unwrap(kms.endpoint, {}, 300))).toMatchObject({ code: "kms.unreachable", retryable: true });
});

it("tells that KMS cannot be reached", async () => {
  const port = await fixedPort();
  const failure = await failureOf(unwrap(`http://127.0.0.1:${port}`));
  expect(failure).toMatchObject({ code: "kms.unreachable", retryable: true });
});

it("ends with its caller, as a cancellation and not as a failure of KMS", async () => {
  await using kms = await StandInKms.listen("silence");
  const caller = new AbortController();
  const work = unwrap(kms.endpoint, {}, 15_000, caller.signal);
  await expect.poll(() => kms.requests.length, { timeout: 10_000 }).toBe(1);
  caller.abort(new Error("the agent ends"));
  await expect(work).rejects.toThrow("the agent ends");
});

it.each([
  { of: "another provider", wrapped: { provider: "gcp-kms" }, code: "kms.unknown-provider" },
  {
    of: "a key without a region",
    wrapped: { keyId: "1234abcd-12ab-34cd-56ef-1234567890ab" },
    code: "kms.malformed-key",
  },
  { of: "an alias without an ARN", wrapped: { keyId: "alias/cache" }, code: "kms.malformed-key" },
  { of: "another service's ARN", wrapped: { keyId: KEY_ID.replace(":kms:", ":s3:") }, code: "kms.malformed-key" },
])("asks nobody about $of: $code", async ({ wrapped, code }) => {
  await using kms = await StandInKms.listen("silence");
  expect(await failureOf(unwrap(kms.endpoint, wrapped))).toMatchObject({ code, retryable: false });
  expect(kms.requests).toHaveLength(0);
});

it.each([0, 32, 63, 65])("refuses a key of %i bytes, and does not show it", async (length) => {
  const plaintext = Buffer.alloc(length, "k");
  await using kms = await StandInKms.listen({ plaintext, keyId: KEY_ID });
  const failure = await failureOf(unwrap(kms.endpoint));
  expect(failure).toMatchObject({ code: "kms.malformed-key", retryable: false });
  expect(failure.message).toContain(`has ${length} bytes`);
  expect(failure.message).not.toContain("kkk");
});
