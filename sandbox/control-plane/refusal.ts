import { status } from "@grpc/grpc-js";
import { SigningRequestInvalid } from "../pki/signing-request.ts";

/** An answer that is a gRPC status: grpc-js sends `code` and `details` as they are. */
export class Refusal extends Error {
  readonly code: status;
  readonly details: string;

  constructor(code: status, details: string, cause?: unknown) {
    super(details, { cause });
    this.name = "Refusal";
    this.code = code;
    this.details = details;
  }
}

/** What a caller is told of a failure: ours as they are, a bad request by its field, the rest as INTERNAL. */
export function asRefusal(failure: unknown): Refusal {
  if (failure instanceof Refusal) return failure;
  if (failure instanceof SigningRequestInvalid) return new Refusal(status.INVALID_ARGUMENT, failure.message, failure);
  return new Refusal(status.INTERNAL, `The control plane failed: ${String(failure)}`, failure);
}
