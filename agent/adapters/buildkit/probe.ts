import type { Client, ClientUnaryCall, ServiceError } from "@grpc/grpc-js";
import { AgentError } from "../../core/errors.ts";
import type { BuildkitProbe } from "../../ports/buildkit.ts";
import { abortReason, buildkitClient } from "./channel.ts";
import { readListWorkers, type Workers } from "./list-workers.ts";

const LIST_WORKERS = "/moby.buildkit.v1.Control/ListWorkers";
const DEADLINE_MS = 5_000;

/** Asks BuildKit over one channel, which reconnects by itself. Close it when it is needed no more. */
export class GrpcBuildkitProbe implements BuildkitProbe, Disposable {
  readonly #client: Client;
  readonly #socketPath: string;

  constructor(socketPath: string) {
    this.#socketPath = socketPath;
    this.#client = buildkitClient(socketPath);
  }

  async listWorkers(signal: AbortSignal): Promise<Workers> {
    signal.throwIfAborted();
    const found = await this.#call(signal);
    if (found.workers > 0) return found;
    throw new AgentError("buildkit.no-answer", `BuildKit at ${this.#socketPath} answers, but has no worker`, {
      retryable: true,
    });
  }

  [Symbol.dispose](): void {
    this.#client.close();
  }

  #call(signal: AbortSignal): Promise<Workers> {
    return new Promise((resolve, reject) => {
      const cancel = (): void => call.cancel();
      const done = (failure: ServiceError | null, found?: Workers): void => {
        signal.removeEventListener("abort", cancel);
        if (found !== undefined) resolve(found);
        else reject(signal.aborted ? abortReason(signal) : this.#noAnswer(failure));
      };
      const deadline = Date.now() + DEADLINE_MS;
      const call: ClientUnaryCall = this.#client.makeUnaryRequest(
        LIST_WORKERS,
        (request: Buffer) => request,
        readListWorkers,
        Buffer.alloc(0),
        { deadline },
        done,
      );
      signal.addEventListener("abort", cancel);
    });
  }

  #noAnswer(failure: ServiceError | null): AgentError {
    const why = failure === null ? "an empty answer" : failure.details;
    return new AgentError("buildkit.no-answer", `BuildKit at ${this.#socketPath} did not answer ListWorkers: ${why}`, {
      retryable: true,
      cause: failure ?? undefined,
    });
  }
}
