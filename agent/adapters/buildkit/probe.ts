import { type Client, type ClientUnaryCall, type ServiceError, status } from "@grpc/grpc-js";
import { ANSWER_MS } from "../../core/buildkit-silence.ts";
import { AgentError } from "../../core/errors.ts";
import { fetchesAtStart, judgeFetches } from "../../core/network/fetch-plan.ts";
import type { ProbeFinding } from "../../core/network/order.ts";
import type { BuildkitProbe } from "../../ports/buildkit.ts";
import { abortReason, buildkitClient, wordsOf } from "./channel.ts";
import { tryFetches } from "./fetch-probe.ts";
import { readListWorkers, WORKERS_MAX_BYTES, type Workers } from "./list-workers.ts";

const LIST_WORKERS = "/moby.buildkit.v1.Control/ListWorkers";
/** Whoever answers is on this machine or beside it. Each start of BuildKit waits for this. */
const FETCH_WAIT_MS = 150;
const SSH = 22;

/**
 * Asks BuildKit over one channel, which reconnects by itself. Close it when it is needed no more.
 */
export class GrpcBuildkitProbe implements BuildkitProbe, Disposable {
  readonly #client: Client;
  readonly #socketPath: string;
  readonly #machinePorts: readonly number[];

  /** `healthPort`: where the agent tells of itself; 0: not known before it listens. */
  constructor(socketPath: string, healthPort = 0) {
    this.#socketPath = socketPath;
    this.#machinePorts = [SSH, healthPort].filter((port) => port !== 0);
    this.#client = buildkitClient(socketPath, { "grpc.max_receive_message_length": WORKERS_MAX_BYTES });
  }

  async listWorkers(signal: AbortSignal): Promise<Workers> {
    signal.throwIfAborted();
    const found = await this.#call(signal);
    if (found.workers > 0) return found;
    throw new AgentError("buildkit.no-answer", `BuildKit at ${this.#socketPath} answers, but has no worker`, {
      retryable: true,
    });
  }

  async reaches(gateways: readonly string[], signal: AbortSignal): Promise<readonly ProbeFinding[]> {
    const targets = fetchesAtStart(gateways, this.#machinePorts);
    const outcomes = await tryFetches(this.#socketPath, targets, FETCH_WAIT_MS, signal);
    if (outcomes === undefined) throw this.#noAnswer("Solve", null);
    return judgeFetches(targets, outcomes, []).filter(({ ok }) => !ok);
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
        else reject(signal.aborted ? abortReason(signal) : this.#noAnswer("ListWorkers", failure));
      };
      const deadline = Date.now() + ANSWER_MS;
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

  #noAnswer(call: string, failure: ServiceError | null): AgentError {
    const why = failure === null ? "an empty answer" : inOurWords(failure);
    return new AgentError("buildkit.no-answer", `BuildKit at ${this.#socketPath} did not answer ${call}: ${why}`, {
      retryable: true,
      cause: failure ?? undefined,
    });
  }
}

/** How long it took and where it waited is another text each time: that stays in the cause. */
function inOurWords(failure: ServiceError): string {
  return failure.code === status.DEADLINE_EXCEEDED ? `nothing within ${ANSWER_MS / 1_000} s` : wordsOf(failure);
}
