import { setTimeout as sleep } from "node:timers/promises";
import { type Client, type ServiceError, status } from "@grpc/grpc-js";
import { type BuildRecord, type HistoryOrder, recordsToDelete } from "../../core/build-history.ts";
import { abortReason } from "./channel.ts";
import { readHistoryEvent, writeDeleteRequest, writeHistoryRequest } from "./history-wire.ts";
import { readStream } from "./read-stream.ts";

const LISTEN = "/moby.buildkit.v1.Control/ListenBuildHistory";
const UPDATE = "/moby.buildkit.v1.Control/UpdateBuildHistory";
const LIST_MS = 30_000;
/** Some milliseconds is what one takes; a record that is there no longer never answers. */
const CALL_MS = 2_000;
/** Until BuildKit has noticed that we no longer look; then, whether it has. */
const GONE_MS = 1_000;
const ASK_AGAIN_MS = 5;
const ROUND_MS = 60_000;
const ROUND_RECORDS = 1_000;
/** Of one answer: some 30,000 records, of two kilobytes each. */
const LISTED_MAX_BYTES = 64 * 1024 * 1024;
/** What each is counted with beside its bytes: empty ones would hold this process up. */
const RECORD_WEIGHT_BYTES = 640;

/**
 * Deletes records by BuildKit's contract, as many as a round takes. Resolves to how many of them
 * are gone; their space is free once BuildKit collects its garbage. @throws {ServiceError} where
 * nothing was deleted.
 */
export async function deleteRecords(client: Client, order: HistoryOrder, signal: AbortSignal): Promise<number> {
  const untilMs = performance.now() + ROUND_MS;
  const due = recordsToDelete(await records(client, signal), order, Date.now()).slice(0, ROUND_RECORDS);
  let gone = 0;
  for (const ref of due) {
    if (performance.now() > untilMs) break;
    try {
      if (await deleteRecord(client, ref, order, signal)) gone += 1;
    } catch (failure) {
      signal.throwIfAborted();
      if (gone > 0) break;
      throw failure;
    }
  }
  return gone;
}

/** Where there are more than anybody reads: those that came first. */
async function records(client: Client, signal: AbortSignal): Promise<readonly BuildRecord[]> {
  const found: BuildRecord[] = [];
  let bytes = 0;
  const read = (message: Buffer): BuildRecord => {
    bytes += message.length + RECORD_WEIGHT_BYTES;
    return readHistoryEvent(message);
  };
  const take = (record: BuildRecord): boolean => {
    found.push(record);
    return bytes < LISTED_MAX_BYTES;
  };
  await readStream(client, { path: LISTEN, request: writeHistoryRequest(), limitMs: LIST_MS, read, take }, signal);
  return found;
}

/**
 * Whether it is gone by this. BuildKit (v0.33.1) only hides a record that somebody looks at, and
 * deletes it when the last of them goes. It takes who has looked before for one who looks still,
 * until it is started anew; but not while there is one who does. So we are the last who looks. What
 * is pinned by now and shall be spared then, or built again, stays.
 */
async function deleteRecord(
  client: Client,
  ref: string,
  { pinnedToo }: HistoryOrder,
  signal: AbortSignal,
): Promise<boolean> {
  const { record, go } = await lookAt(client, ref, signal);
  try {
    if (record === undefined || (record.isPinned && !pinnedToo) || record.endedAtMs === undefined) return false;
    await orderDeletion(client, ref, signal);
  } finally {
    go();
  }
  for (const untilMs = performance.now() + GONE_MS; performance.now() < untilMs; ) {
    if ((await orderDeletion(client, ref, signal)) === "nothing-there") return true;
    await sleep(ASK_AGAIN_MS, undefined, { signal });
  }
  return false;
}

interface Look {
  /** Absent: there is none. */
  readonly record?: BuildRecord;
  readonly go: () => void;
}

function lookAt(client: Client, ref: string, signal: AbortSignal): Promise<Look> {
  signal.throwIfAborted();
  return new Promise((resolve, reject) => {
    const request = Buffer.from(writeHistoryRequest(ref));
    const deadline = Date.now() + CALL_MS;
    const call = client.makeServerStreamRequest(LISTEN, pass, readHistoryEvent, request, { deadline });
    const cancel = (): void => call.cancel();
    const go = (): void => {
      signal.removeEventListener("abort", cancel);
      cancel();
    };
    signal.addEventListener("abort", cancel, { once: true });
    call.once("data", (record: BuildRecord) => resolve({ record, go }));
    call.once("end", () => resolve({ go }));
    call.on("error", (failure: ServiceError) => {
      go();
      if (signal.aborted) reject(abortReason(signal));
      else if (isWithoutRecord(failure) || failure.code === status.DEADLINE_EXCEEDED) resolve({ go });
      else reject(failure);
    });
  });
}

function orderDeletion(client: Client, ref: string, signal: AbortSignal): Promise<"ordered" | "nothing-there"> {
  signal.throwIfAborted();
  return new Promise((resolve, reject) => {
    const cancel = (): void => call.cancel();
    const deadline = Date.now() + CALL_MS;
    const request = Buffer.from(writeDeleteRequest(ref));
    const call = client.makeUnaryRequest(UPDATE, pass, pass, request, { deadline }, (failure) => {
      signal.removeEventListener("abort", cancel);
      if (signal.aborted) reject(abortReason(signal));
      else if (failure === null) resolve("ordered");
      else if (isWithoutRecord(failure)) resolve("nothing-there");
      else reject(failure);
    });
    signal.addEventListener("abort", cancel, { once: true });
  });
}

function pass(bytes: Buffer): Buffer {
  return bytes;
}

/** Also of one that is hidden: somebody else has deleted it, and looks still. */
function isWithoutRecord({ code, details }: ServiceError): boolean {
  return code === status.NOT_FOUND || /not found|is deleted/.test(details);
}
