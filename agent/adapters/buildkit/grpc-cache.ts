import { statfs } from "node:fs/promises";
import { type Client, type ServiceError, status } from "@grpc/grpc-js";
import type { PruneOrder } from "../../core/disk-relief.ts";
import { AgentError } from "../../core/errors.ts";
import type { BuildkitCache } from "../../ports/buildkit.ts";
import { abortReason, buildkitClient, wordsOf } from "./channel.ts";
import { type PruneRequest, readUsageBytes, writePruneRequest } from "./prune-wire.ts";

const PRUNE = "/moby.buildkit.v1.Control/Prune";
const DEADLINE_MS = 300_000;
/** Of one record: its description may be a whole script. */
const RECORD_MAX_BYTES = 1024 * 1024;
/**
 * Of one answer: twice the records of the largest caches, at a kilobyte each; a larger one counts
 * for more. One that goes on holds this process up until its deadline.
 */
const RECORDS_MAX = 100_000;
const RECORD_BYTES = 1_024;
/** What clients' files were transferred into (UsageRecordTypeLocalSource of BuildKit's client). */
const TRANSFERS = "type==source.local";

/** BuildKit's cache over one channel. Close it when it is needed no more. */
export class GrpcBuildkitCache implements BuildkitCache, Disposable {
  readonly #client: Client;
  readonly #socketPath: string;
  readonly #directory: string;

  /** @param directory lies on the cache's file system. */
  constructor(socketPath: string, directory: string) {
    this.#client = buildkitClient(socketPath, { "grpc.max_receive_message_length": RECORD_MAX_BYTES });
    this.#socketPath = socketPath;
    this.#directory = directory;
  }

  async prune({ all, minFreeBytes }: PruneOrder, signal: AbortSignal) {
    signal.throwIfAborted();
    // BuildKit counts the blocks that only root may use as free.
    const { bfree, bavail, bsize } = await statfs(this.#directory);
    return this.#pruned({ all, minFreeBytes: minFreeBytes + (bfree - bavail) * bsize }, signal);
  }

  forgetTransfers(signal: AbortSignal) {
    return this.#pruned({ all: true, minFreeBytes: 0, filter: TRANSFERS }, signal);
  }

  [Symbol.dispose](): void {
    this.#client.close();
  }

  async #pruned(request: PruneRequest, signal: AbortSignal) {
    signal.throwIfAborted();
    let [records, freedBytes] = [0, 0];
    const take = (bytes: number): void => {
      records += 1;
      freedBytes += bytes;
    };
    await this.#stream(Buffer.from(writePruneRequest(request)), take, signal);
    return { records, freedBytes };
  }

  #stream(request: Buffer, take: (bytes: number) => void, signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const deadline = Date.now() + DEADLINE_MS;
      let weight = 0;
      const read = (bytes: Buffer): number => {
        weight += 1 + bytes.length / RECORD_BYTES;
        return readUsageBytes(bytes);
      };
      const call = this.#client.makeServerStreamRequest(PRUNE, (bytes: Buffer) => bytes, read, request, {
        deadline,
      });
      const cancel = (): void => call.cancel();
      signal.addEventListener("abort", cancel, { once: true });
      call.on("data", (bytes: number) => {
        take(bytes);
        if (weight > RECORDS_MAX) cancel();
      });
      call.once("error", (failure: ServiceError) => {
        signal.removeEventListener("abort", cancel);
        const why =
          weight > RECORDS_MAX ? `it tells of more than ${RECORDS_MAX} records, and goes on` : wordsOf(failure);
        reject(signal.aborted ? abortReason(signal) : this.#failed(failure, why));
      });
      call.once("end", () => {
        signal.removeEventListener("abort", cancel);
        resolve();
      });
    });
  }

  #failed(failure: ServiceError, why: string): AgentError {
    const isFull = failure.code === status.RESOURCE_EXHAUSTED || failure.details.includes("no space left on device");
    const code = isFull ? "buildkit.disk-full" : "buildkit.no-answer";
    return new AgentError(code, `BuildKit at ${this.#socketPath} did not prune: ${why}`, {
      retryable: true,
      cause: failure,
    });
  }
}
