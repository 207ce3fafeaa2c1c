import { Metadata, type StatusObject } from "@grpc/grpc-js";
import { PlaneError } from "../../core/plane-status.ts";
import type { Timed } from "../../ports/control-plane.ts";
import type { Connection } from "./connections.ts";
import { ContractBreach } from "./contract-breach.ts";
import { planeTimeOf } from "./grpc-error.ts";

/** A method of the generated service, and how its answer becomes ours. */
export interface UnaryCall<Request, Answer, Parsed> {
  readonly method: {
    readonly path: string;
    readonly requestSerialize: (request: Request) => Buffer;
    readonly responseDeserialize: (bytes: Buffer) => Answer;
  };
  readonly request: Request;
  /** @throws {ContractBreach} */
  readonly parse: (answer: Answer) => Parsed;
}

/**
 * Makes one call and ends with it, after `limitMs` (connecting included), or with `signal`. The
 * answer comes with what the control plane's clock said.
 * @throws {PlaneError}; once `signal` is aborted, its reason instead: that is no failure.
 */
export async function makeUnaryCall<Request, Answer, Parsed>(
  connection: Connection,
  call: UnaryCall<Request, Answer, Parsed>,
  limitMs: number,
  signal: AbortSignal,
): Promise<Parsed & Timed> {
  try {
    const { answer, planeTimeMs } = await answerOf(connection, call, limitMs, signal);
    return { ...call.parse(answer), ...(planeTimeMs !== undefined && { planeTimeMs }) };
  } catch (failure) {
    signal.throwIfAborted();
    connection.retire();
    const name = call.method.path.slice(call.method.path.lastIndexOf("/") + 1);
    if (!(failure instanceof ContractBreach)) {
      const told = await connection.failureOf(name, failure);
      signal.throwIfAborted();
      throw told;
    }
    const details = `an answer that breaks the contract: ${failure.message}`;
    throw new PlaneError(name, "INTERNAL", details, { cause: failure });
  }
}

async function answerOf<Request, Answer>(
  connection: Connection,
  { method, request }: UnaryCall<Request, Answer, unknown>,
  limitMs: number,
  signal: AbortSignal,
): Promise<{ readonly answer: Answer; readonly planeTimeMs: number | undefined }> {
  signal.throwIfAborted();
  return new Promise((resolve, reject) => {
    const cancel = (): void => live.cancel();
    const live = connection.client.makeUnaryRequest<Request, Answer>(
      method.path,
      method.requestSerialize,
      method.responseDeserialize,
      request,
      new Metadata(),
      { deadline: Date.now() + limitMs },
      (failure, answer) => {
        signal.removeEventListener("abort", cancel);
        connection.end(live);
        if (answer === undefined) {
          reject(failure ?? new Error("grpc-js gave neither an answer nor a failure"));
          return;
        }
        // The trailers come with the status, which grpc-js tells right after the answer.
        live.once("status", ({ metadata }: StatusObject) => resolve({ answer, planeTimeMs: planeTimeOf(metadata) }));
      },
    );
    connection.begin(live);
    signal.addEventListener("abort", cancel, { once: true });
  });
}
