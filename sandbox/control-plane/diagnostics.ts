import { createHash } from "node:crypto";
import { type ServerReadableStream, type sendUnaryData, status } from "@grpc/grpc-js";
import type {
  UploadDiagnosticsHeader,
  UploadDiagnosticsRequest,
  UploadDiagnosticsResponse,
} from "../../agent/adapters/grpc/gen/builder/agent/v1/streams.ts";
import type { Machine } from "./machine.ts";
import { asRefusal, Refusal } from "./refusal.ts";

export interface Archive {
  readonly machineId: string;
  readonly requestId: string;
  readonly mediaType: string;
  readonly bytes: Uint8Array;
}

/** The contract's limit for a part. */
const MAX_CHUNK_BYTES = 256 * 1024;
const MAX_ARCHIVE_BYTES = 64 * 1024 * 1024;
/** In memory: a control plane may run for weeks. */
const ARCHIVES_KEPT = 16;

/** The last archives that were asked for. */
export class Diagnostics {
  readonly #archives: Archive[] = [];
  readonly #now: () => number;

  readonly #onArchive: () => void;

  constructor(now: () => number, onArchive: () => void) {
    this.#now = now;
    this.#onArchive = onArchive;
  }

  archives(): readonly Archive[] {
    return this.#archives;
  }

  receive(
    machine: Machine,
    call: ServerReadableStream<UploadDiagnosticsRequest, UploadDiagnosticsResponse>,
    answer: sendUnaryData<UploadDiagnosticsResponse>,
  ): void {
    const chunks: Uint8Array[] = [];
    let header: UploadDiagnosticsHeader | undefined;
    let sizeBytes = 0;
    let failed = false;
    const fail = (failure: unknown): void => {
      failed = true;
      answer(asRefusal(failure));
    };
    call.on("data", ({ message }: UploadDiagnosticsRequest) => {
      if (failed) return;
      try {
        if (header === undefined) header = this.#admit(machine, message);
        else if (message?.$case === "chunk") {
          sizeBytes += message.value.length;
          if (message.value.length > MAX_CHUNK_BYTES || sizeBytes > MAX_ARCHIVE_BYTES) {
            throw new Refusal(status.RESOURCE_EXHAUSTED, "chunk: more than 256 KiB, or the archive more than 64 MiB");
          }
          chunks.push(message.value);
        }
      } catch (failure) {
        fail(failure);
      }
    });
    call.on("end", () => {
      if (failed) return;
      if (header === undefined) return fail(new Refusal(status.INVALID_ARGUMENT, "header: must be the first message"));
      const bytes = Buffer.concat(chunks);
      this.#archives.splice(0, this.#archives.length + 1 - ARCHIVES_KEPT);
      this.#archives.push({ machineId: machine.id, requestId: header.requestId, mediaType: header.mediaType, bytes });
      answer(null, { sha256: createHash("sha256").update(bytes).digest() });
      this.#onArchive();
    });
  }

  #admit(machine: Machine, message: UploadDiagnosticsRequest["message"]): UploadDiagnosticsHeader {
    if (message?.$case !== "header") throw new Refusal(status.INVALID_ARGUMENT, "header: must be the first message");
    const { requestId } = message.value;
    const asked = machine.project.wishes.diagnosticsRequests?.find((request) => request.requestId === requestId);
    const inTime = asked?.expiresAt !== undefined && this.#now() < asked.expiresAt.getTime();
    if (!inTime) {
      throw new Refusal(
        status.FAILED_PRECONDITION,
        `header.request_id: ${requestId} was not asked for, or has expired`,
      );
    }
    if (this.#archives.some((known) => known.requestId === requestId && known.machineId === machine.id))
      throw new Refusal(status.ALREADY_EXISTS, `header.request_id: ${requestId} has been answered`);
    return message.value;
  }
}
