import { statfs } from "node:fs/promises";
import { type Client, status } from "@grpc/grpc-js";
import type { HistoryOrder } from "../../core/build-history.ts";
import type { PruneOrder } from "../../core/disk-relief.ts";
import { AgentError, inWords } from "../../core/errors.ts";
import type { BuildkitCache } from "../../ports/buildkit.ts";
import { buildkitClient, isServiceError, wordsOf } from "./channel.ts";
import { deleteRecords } from "./history.ts";
import { type PruneRequest, readUsageBytes, writePruneRequest } from "./prune-wire.ts";
import { readStream } from "./read-stream.ts";

const PRUNE = "/moby.buildkit.v1.Control/Prune";
const DEADLINE_MS = 300_000;
/** Of one record: its description may be a whole script. */
const RECORD_MAX_BYTES = 1024 * 1024;
/** Of one of the history, which has what a client sent with its build: BuildKit's own limit. */
const HISTORY_RECORD_MAX_BYTES = 16 * 1024 * 1024;
/**
 * Of one answer: twice the records of the largest caches, at a kilobyte each; a larger one counts
 * for more. One that goes on holds this process up until its deadline.
 */
const RECORDS_MAX = 100_000;
const RECORD_BYTES = 1_024;
/** What clients' files were transferred into (UsageRecordTypeLocalSource of BuildKit's client). */
const TRANSFERS = "type==source.local";
/** Nothing in the cache. BuildKit collects its garbage after each prune. */
const NOTHING = "id==none";

/** BuildKit's cache over two channels. Close it when it is needed no more. */
export class GrpcBuildkitCache implements BuildkitCache, Disposable {
  readonly #client: Client;
  readonly #history: Client;
  readonly #socketPath: string;
  readonly #directory: string;

  /** @param directory lies on the cache's file system. */
  constructor(socketPath: string, directory: string) {
    this.#client = buildkitClient(socketPath, { "grpc.max_receive_message_length": RECORD_MAX_BYTES });
    this.#history = buildkitClient(socketPath, { "grpc.max_receive_message_length": HISTORY_RECORD_MAX_BYTES });
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

  async deleteHistory(order: HistoryOrder, signal: AbortSignal) {
    const records = await deleteRecords(this.#history, order, signal).catch((failure: unknown) => {
      signal.throwIfAborted();
      throw this.#failed("delete records of its history", failure);
    });
    if (records > 0) await this.#pruned({ all: false, minFreeBytes: 0, filter: NOTHING }, signal);
    return { records };
  }

  [Symbol.dispose](): void {
    this.#client.close();
    this.#history.close();
  }

  async #pruned(order: PruneRequest, signal: AbortSignal) {
    let [records, freedBytes, weight] = [0, 0, 0];
    const read = (bytes: Buffer): number => {
      weight += 1 + bytes.length / RECORD_BYTES;
      return readUsageBytes(bytes);
    };
    const take = (bytes: number): boolean => {
      records += 1;
      freedBytes += bytes;
      return weight <= RECORDS_MAX;
    };
    const call = { path: PRUNE, request: writePruneRequest(order), limitMs: DEADLINE_MS, read, take };
    const isWhole = await readStream(this.#client, call, signal).catch((failure: unknown) => {
      signal.throwIfAborted();
      throw this.#failed("prune", failure);
    });
    if (isWhole) return { records, freedBytes };
    const message = `BuildKit at ${this.#socketPath} did not prune: it tells of more than ${RECORDS_MAX} records, and goes on`;
    throw new AgentError("buildkit.no-answer", message, { retryable: true });
  }

  #failed(what: string, failure: unknown): AgentError {
    const words = isServiceError(failure) ? wordsOf(failure) : inWords(failure);
    const isExhausted = isServiceError(failure) && failure.code === status.RESOURCE_EXHAUSTED;
    const isFull = words.includes("no space left on device") || (isExhausted && !words.includes("larger than max"));
    const code = isFull ? "buildkit.disk-full" : "buildkit.no-answer";
    return new AgentError(code, `BuildKit at ${this.#socketPath} did not ${what}: ${words}`, {
      retryable: true,
      cause: failure,
    });
  }
}
