import { Metadata, status } from "@grpc/grpc-js";
import { SigningRequestInvalid } from "../pki/signing-request.ts";

/** The contract's mark: only a refusal that carries it ends an agent. */
const MARK = "builder-agent-refusal";

/** The contract's word for "not before". */
const RETRY_AFTER = "builder-agent-retry-after-ms";

/** The contract's codes of a refusal for good, and the status that each goes with. */
const FOR_GOOD = {
  "machine-refused": status.PERMISSION_DENIED,
  "evidence-refused": status.PERMISSION_DENIED,
  "contract-unsupported": status.UNIMPLEMENTED,
} as const;

/**
 * An answer that is a gRPC status: grpc-js sends `code` and `details` as they are, and `metadata`
 * as trailers.
 */
export class Refusal extends Error {
  readonly code: status;
  readonly details: string;
  readonly metadata = new Metadata();

  /** A refusal that ends the agent: it carries the mark. */
  static forGood(code: keyof typeof FOR_GOOD, details: string): Refusal {
    const refusal = new Refusal(FOR_GOOD[code], details);
    refusal.metadata.set(MARK, code);
    return refusal;
  }

  /** Too much at once: the agent comes back later, and not before that. */
  static forNow(retryAfterMs: number, details: string): Refusal {
    return new Refusal(status.RESOURCE_EXHAUSTED, details).notBefore(retryAfterMs);
  }

  constructor(code: status, details: string, cause?: unknown) {
    super(details, { cause });
    this.name = "Refusal";
    this.code = code;
    this.details = details;
  }

  /** Says when to come back. */
  notBefore(retryAfterMs: number): this {
    this.metadata.set(RETRY_AFTER, String(retryAfterMs));
    return this;
  }
}

/**
 * What a caller is told of a failure: ours as they are, a bad request by its field, the rest as
 * INTERNAL.
 */
export function asRefusal(failure: unknown): Refusal {
  if (failure instanceof Refusal) return failure;
  if (failure instanceof SigningRequestInvalid) return new Refusal(status.INVALID_ARGUMENT, failure.message, failure);
  return new Refusal(status.INTERNAL, `The control plane failed: ${String(failure)}`, failure);
}
