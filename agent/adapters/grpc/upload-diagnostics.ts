import { once } from "node:events";
import { type ClientWritableStream, Metadata } from "@grpc/grpc-js";
import type { Connection } from "./connections.ts";
import { BuilderAgentServiceService as Service } from "./gen/builder/agent/v1/builder_agent.ts";
import type { UploadDiagnosticsRequest, UploadDiagnosticsResponse } from "./gen/builder/agent/v1/streams.ts";

/** Collecting takes 30 s at most; the rest is for a slow way. */
const DEADLINE_MS = 120_000;
/** The contract's limit for a part is 256 KiB. */
const CHUNK_BYTES = 128 * 1024;
const MEDIA_TYPE = "application/x-tar+gzip";

/**
 * Sends one archive, at the pace of the control plane; the SHA-256, in hex, of what it stored.
 * @throws {PlaneError}; what `bytes` failed with; once `signal` is aborted, its reason.
 */
export async function uploadDiagnostics(
  connection: Connection,
  { requestId, bytes }: { readonly requestId: string; readonly bytes: AsyncIterable<Uint8Array> },
  signal: AbortSignal,
): Promise<string> {
  signal.throwIfAborted();
  let answered: (answer: Answer) => void = () => undefined;
  const answer = new Promise<Answer>((resolve) => (answered = resolve));
  const { path, requestSerialize, responseDeserialize } = Service.uploadDiagnostics;
  const call = connection.client.makeClientStreamRequest<UploadDiagnosticsRequest, UploadDiagnosticsResponse>(
    path,
    requestSerialize,
    responseDeserialize,
    new Metadata(),
    { deadline: Date.now() + DEADLINE_MS },
    (failure, response) => answered(response === undefined ? { failure } : { sha256: response.sha256 }),
  );
  const cancel = (): void => call.cancel();
  connection.begin(call);
  signal.addEventListener("abort", cancel, { once: true });
  try {
    const over = answer.then(() => "over" as const);
    await write(call, { $case: "header", value: { requestId, mediaType: MEDIA_TYPE } }, over);
    await sendAll(call, bytes, over);
    call.end();
    const { sha256, failure } = await answer;
    if (sha256 !== undefined) return Buffer.from(sha256).toString("hex");
    connection.retire();
    throw await connection.failureOf("UploadDiagnostics", failure);
  } catch (failure) {
    signal.throwIfAborted();
    throw failure;
  } finally {
    signal.removeEventListener("abort", cancel);
    // Harmless if it has ended.
    call.cancel();
    connection.end(call);
  }
}

interface Answer {
  readonly sha256?: Uint8Array;
  readonly failure?: unknown;
}

/** Stops when the control plane has answered: it wants no more. */
async function sendAll(
  call: ClientWritableStream<UploadDiagnosticsRequest>,
  bytes: AsyncIterable<Uint8Array>,
  over: Promise<"over">,
): Promise<void> {
  for await (const part of bytes)
    for (let from = 0; from < part.length; from += CHUNK_BYTES)
      if (await write(call, { $case: "chunk", value: part.subarray(from, from + CHUNK_BYTES) }, over)) return;
}

/** Resolves when there is room for more, with true if the call is over. */
async function write(
  call: ClientWritableStream<UploadDiagnosticsRequest>,
  message: UploadDiagnosticsRequest["message"],
  over: Promise<"over">,
): Promise<boolean> {
  if (call.write({ message })) return false;
  const drained = new AbortController();
  const room = once(call, "drain", { signal: drained.signal }).then(
    () => false,
    () => true,
  );
  const isOver = await Promise.race([room, over.then(() => true)]);
  drained.abort();
  return isOver;
}
