import { appendFile, mkdir } from "node:fs/promises";
import { join } from "node:path";
import { type ServerDuplexStream, status } from "@grpc/grpc-js";
import type {
  UploadRecordingRequest,
  UploadRecordingResponse,
} from "../../../agent/adapters/grpc/gen/builder/agent/v1/streams.ts";
import type { Machine } from "../machine.ts";
import { asRefusal, Refusal } from "../refusal.ts";

export type RecordingCall = ServerDuplexStream<UploadRecordingRequest, UploadRecordingResponse>;

/** What has come of a recording. */
export interface StoredRecording {
  readonly recordingId: string;
  readonly grantId: string;
  readonly machineId: string;
  readonly text: string;
  readonly isComplete: boolean;
}

/** The contract's limit for a part, and the agent's for the whole. */
const CHUNK_MAX_BYTES = 131_072;
const RECORDING_MAX_BYTES = 80 * 1024 * 1024;

class Kept {
  readonly recordingId: string;
  readonly grantId: string;
  readonly machineId: string;
  readonly #parts: Uint8Array[] = [];
  sizeBytes = 0;
  isComplete = false;

  constructor(recordingId: string, grantId: string, machineId: string) {
    this.recordingId = recordingId;
    this.grantId = grantId;
    this.machineId = machineId;
  }

  get text(): string {
    return Buffer.concat(this.#parts).toString("utf8");
  }

  add(lines: Uint8Array): void {
    this.#parts.push(lines);
    this.sizeBytes += lines.length;
  }
}

/** Recordings of terminals, as they come. */
export class Recordings {
  /** What it does wrong on purpose. "refuse": it stores none. "stall": it says nothing. */
  fault: "none" | "refuse" | "stall" = "none";
  readonly #kept = new Map<string, Kept>();
  readonly #isKnown: (machine: Machine, grantId: string) => boolean;
  readonly #changed: () => void;
  #directory: string | undefined;

  constructor(isKnown: (machine: Machine, grantId: string) => boolean, changed: () => void) {
    this.#isKnown = isKnown;
    this.#changed = changed;
  }

  /** From now on each lies there too, as <recording id>.cast; the first one makes the directory. */
  keepIn(directory: string): void {
    this.#directory = directory;
  }

  all(): readonly StoredRecording[] {
    return [...this.#kept.values()];
  }

  serve(machine: Machine, call: RecordingCall): void {
    let kept: Kept | undefined;
    // In order, also while a file is written.
    let before = Promise.resolve();
    call.on("data", ({ message }: UploadRecordingRequest) => {
      const take = async (): Promise<void> => {
        try {
          if (this.fault === "refuse")
            throw new Refusal(status.FAILED_PRECONDITION, "Nothing is recorded, on purpose.");
          kept = await this.#take(machine, kept, message);
          if (this.fault === "none" && !call.cancelled)
            call.write({ storedUpTo: BigInt(kept.sizeBytes), complete: kept.isComplete });
          this.#changed();
        } catch (failure) {
          if (call.cancelled) return;
          call.emit("error", asRefusal(failure));
        }
      };
      before = before.then(take);
    });
    call.on("end", () => void before.then(() => call.end()));
    call.on("error", () => undefined);
  }

  async #take(machine: Machine, kept: Kept | undefined, message: UploadRecordingRequest["message"]): Promise<Kept> {
    if (kept === undefined) {
      if (message?.$case !== "header") throw new Refusal(status.INVALID_ARGUMENT, "header: must be the first message");
      const { recordingId, grantId } = message.value;
      if (!this.#isKnown(machine, grantId) || !/^[\w.-]+$/.test(recordingId))
        throw new Refusal(status.FAILED_PRECONDITION, `header.grant_id: ${grantId} has no terminal here`);
      const known = this.#kept.get(recordingId) ?? new Kept(recordingId, grantId, machine.id);
      this.#kept.set(recordingId, known);
      return known;
    }
    if (message?.$case === "end") {
      if (Number(message.value.sizeBytes) !== kept.sizeBytes)
        throw new Refusal(status.ABORTED, `end.size_bytes: ${kept.sizeBytes} have come`);
      kept.isComplete = true;
    } else if (message?.$case === "chunk") {
      const { offset, lines } = message.value;
      if (lines.length > CHUNK_MAX_BYTES && lines.subarray(0, -1).includes(LINE_FEED))
        throw new Refusal(status.RESOURCE_EXHAUSTED, "chunk.lines: more than 128 KiB");
      if (kept.sizeBytes + lines.length > RECORDING_MAX_BYTES)
        throw new Refusal(status.RESOURCE_EXHAUSTED, "The recording has more than 80 MiB");
      if (Number(offset) > kept.sizeBytes) throw new Refusal(status.ABORTED, `chunk.offset: ${kept.sizeBytes} is next`);
      const fresh = lines.subarray(kept.sizeBytes - Number(offset));
      if (fresh.length > 0) await this.#write(`${kept.recordingId}.cast`, fresh);
      kept.add(fresh);
    }
    return kept;
  }

  async #write(name: string, lines: Uint8Array): Promise<void> {
    if (this.#directory === undefined) return;
    await mkdir(this.#directory, { recursive: true, mode: 0o700 });
    await appendFile(join(this.#directory, name), lines, { mode: 0o600 });
  }
}

const LINE_FEED = 10;
