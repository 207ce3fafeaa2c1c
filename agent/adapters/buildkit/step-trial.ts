import { randomBytes, randomUUID } from "node:crypto";
import { type Client, status as Code, type ServiceError } from "@grpc/grpc-js";
import { AgentError } from "../../core/errors.ts";
import type { StepFault, StepOutcome } from "../../core/step-trial.ts";
import type { BuildkitTrial } from "../../ports/buildkit.ts";
import { buildkitClient, wordsOf } from "./channel.ts";
import { isStepArchitecture, STEP_WROTE_NOTHING, stepProgram } from "./step-program.ts";
import { writeStepPruneRequest, writeStepRequest } from "./step-wire.ts";

const SOLVE = "/moby.buildkit.v1.Control/Solve";
const PRUNE = "/moby.buildkit.v1.Control/Prune";
const PRUNE_MS = 10_000;

/** Tries steps over one channel. Close it when it is needed no more. */
export class GrpcStepTrial implements BuildkitTrial, Disposable {
  readonly #client: Client;
  readonly #socketPath: string;
  readonly #program: Buffer;
  /** Of the last step's layers. Never rejects. */
  #pruning: Promise<void> = Promise.resolve();

  /** @throws {AgentError} "buildkit.no-step-program": builders do not have this architecture. */
  constructor(socketPath: string, architecture: string = process.arch) {
    if (!isStepArchitecture(architecture))
      throw new AgentError(
        "buildkit.no-step-program",
        `There is no program to try a build's step with on ${architecture}`,
        {
          retryable: false,
        },
      );
    this.#socketPath = socketPath;
    this.#program = stepProgram(architecture);
    this.#client = buildkitClient(socketPath);
  }

  async tryStep(
    limitMs: number,
    signal: AbortSignal,
  ): Promise<{ readonly outcome: StepOutcome; readonly err?: AgentError }> {
    signal.throwIfAborted();
    await this.#pruning;
    signal.throwIfAborted();
    const begunMs = performance.now();
    const failure = await this.#solve(limitMs, signal);
    signal.throwIfAborted();
    const tookMs = Math.round(performance.now() - begunMs);
    // What is found does not wait for it.
    this.#pruning = this.#prune(signal);
    if (failure === null) return { outcome: { is: "ran", tookMs } };
    return { outcome: outcomeOf(failure), err: this.#told(failure, limitMs) };
  }

  [Symbol.dispose](): void {
    this.#client.close();
  }

  /** What is at the program's end makes it another one each time: nothing of it is in the cache. */
  #solve(limitMs: number, signal: AbortSignal): Promise<ServiceError | null> {
    const request = writeStepRequest(randomUUID(), Buffer.concat([this.#program, randomBytes(16)]));
    return new Promise((resolve) => {
      const cancel = (): void => call.cancel();
      const call = this.#client.makeUnaryRequest(
        SOLVE,
        (bytes: Buffer) => bytes,
        (answer: Buffer) => answer,
        Buffer.from(request),
        { deadline: Date.now() + limitMs },
        (failure) => {
          signal.removeEventListener("abort", cancel);
          resolve(failure);
        },
      );
      signal.addEventListener("abort", cancel, { once: true });
    });
  }

  /** What it cannot delete now, the next one does: all of them are described alike. */
  #prune(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const cancel = (): void => call.cancel();
      const over = (): void => {
        signal.removeEventListener("abort", cancel);
        resolve();
      };
      const call = this.#client.makeServerStreamRequest(
        PRUNE,
        (bytes: Buffer) => bytes,
        (record: Buffer) => record,
        Buffer.from(writeStepPruneRequest()),
        { deadline: Date.now() + PRUNE_MS },
      );
      signal.addEventListener("abort", cancel, { once: true });
      call.on("data", () => undefined);
      call.once("error", over);
      call.once("end", over);
    });
  }

  #told(failure: ServiceError, limitMs: number): AgentError {
    const why = failure.code === Code.DEADLINE_EXCEEDED ? `nothing within ${limitMs} ms` : wordsOf(failure);
    return new AgentError("buildkit.step-failed", `BuildKit at ${this.#socketPath} did not run a step: ${why}`, {
      retryable: true,
      cause: failure,
    });
  }
}

function outcomeOf({ code, details }: ServiceError): StepOutcome {
  if (code === Code.UNAVAILABLE || code === Code.CANCELLED) return { is: "away" };
  if (code === Code.DEADLINE_EXCEEDED) return { is: "silent" };
  return { is: "failed", fault: faultOf(details) };
}

/** By BuildKit's words (v0.33.1), the system's in them first: those are the cause. */
function faultOf(details: string): StepFault {
  const exitCode = Number(/did not complete successfully: exit code: (\d+)/.exec(details)?.[1]);
  return STEP_WROTE_NOTHING.get(exitCode) ?? WORDS.find(([words]) => words.test(details))?.[1] ?? "other";
}

const WORDS: readonly (readonly [RegExp, StepFault])[] = [
  [/read-only file system/, "read-only"],
  [/no space left on device|disk quota exceeded/, "no-space"],
  [/input\/output error|structure needs cleaning/, "disk-error"],
  [/\bCNI\b|\bplugin\b|network namespace|setup network/i, "network"],
  [/did not complete successfully|\brunc\b/, "runtime"],
];
