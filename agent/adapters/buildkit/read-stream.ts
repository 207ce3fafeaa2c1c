import type { Client, ServiceError } from "@grpc/grpc-js";
import { abortReason } from "./channel.ts";

/** A call that BuildKit answers with messages, some or many. */
export interface StreamCall<Message> {
  readonly path: string;
  readonly request: Uint8Array;
  /** Of the whole answer. */
  readonly limitMs: number;
  /** May throw: the call fails then. */
  readonly read: (bytes: Buffer) => Message;
  /** False: it is enough, and the call is cancelled. */
  readonly take: (message: Message) => boolean;
}

/**
 * Resolves to whether the answer came to its end. Rejects with grpc-js's ServiceError, or with the
 * reason of `signal`.
 */
export function readStream<Message>(
  client: Client,
  { path, request, limitMs, read, take }: StreamCall<Message>,
  signal: AbortSignal,
): Promise<boolean> {
  signal.throwIfAborted();
  return new Promise((resolve, reject) => {
    let isEnough = false;
    const deadline = Date.now() + limitMs;
    const call = client.makeServerStreamRequest(path, (bytes: Buffer) => bytes, read, Buffer.from(request), {
      deadline,
    });
    const cancel = (): void => call.cancel();
    signal.addEventListener("abort", cancel, { once: true });
    call.on("data", (message: Message) => {
      if (isEnough || take(message)) return;
      isEnough = true;
      cancel();
    });
    call.once("error", (failure: ServiceError) => {
      signal.removeEventListener("abort", cancel);
      if (signal.aborted) reject(abortReason(signal));
      else if (isEnough) resolve(false);
      else reject(failure);
    });
    call.once("end", () => {
      signal.removeEventListener("abort", cancel);
      resolve(!isEnough);
    });
  });
}
