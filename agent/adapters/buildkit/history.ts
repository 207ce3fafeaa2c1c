import { type Client, type ClientUnaryCall, type ServiceError, status } from "@grpc/grpc-js";
import { type BuildRecord, type HistoryOrder, recordsToDelete } from "../../core/build-history.ts";
import { readHistoryEvent, writeDeleteRequest, writeHistoryRequest } from "./history-wire.ts";
import { readStream } from "./read-stream.ts";

const LISTEN = "/moby.buildkit.v1.Control/ListenBuildHistory";
const UPDATE = "/moby.buildkit.v1.Control/UpdateBuildHistory";
const LIST_MS = 30_000;
/** Some milliseconds is what one takes; one that went meanwhile never answers. */
const RECORD_MS = 2_000;
const ROUND_MS = 60_000;
const ROUND_RECORDS = 1_000;
/** Of one answer: a thousand records of each of a hundred thousand builds are more than a day's. */
const LISTED_MAX_BYTES = 64 * 1024 * 1024;
/** What each is counted with beside its bytes: empty ones would hold this process up. */
const RECORD_WEIGHT_BYTES = 640;

/**
 * Deletes records by BuildKit's contract, as many as a round takes. Resolves to how many of them
 * are gone; their space is free once BuildKit collects its garbage. @throws {ServiceError} where
 * nothing was deleted.
 */
export async function deleteRecords(client: Client, order: HistoryOrder, signal: AbortSignal): Promise<number> {
  const until = Date.now() + ROUND_MS;
  const due = recordsToDelete(await records(client, signal), order, Date.now()).slice(0, ROUND_RECORDS);
  if (due.length === 0) return 0;
  let failure: ServiceError | undefined;
  for (const ref of due) {
    if (Date.now() > until) break;
    failure = await lookDeleteAndGo(client, ref, signal);
    signal.throwIfAborted();
    if (failure !== undefined && !isOfOneRecord(failure)) break;
  }
  const left = new Set((await records(client, signal)).map(({ ref }) => ref));
  const gone = due.filter((ref) => !left.has(ref)).length;
  if (gone === 0 && failure !== undefined) throw failure;
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
 * BuildKit (v0.33.1) only hides a record that somebody looks at, and deletes it when the last of
 * them goes. It takes who has looked before for one who looks still, until it is started anew; but
 * not while there is one who does. So we are the last who looks. Resolves to how it failed.
 */
function lookDeleteAndGo(client: Client, ref: string, signal: AbortSignal): Promise<ServiceError | undefined> {
  return new Promise((resolve) => {
    const deadline = Date.now() + RECORD_MS;
    const pass = (bytes: Buffer): Buffer => bytes;
    const look = client.makeServerStreamRequest(LISTEN, pass, pass, Buffer.from(writeHistoryRequest(ref)), {
      deadline,
    });
    let order: ClientUnaryCall | undefined;
    const cancel = (): void => {
      look.cancel();
      order?.cancel();
    };
    const over = (failure?: ServiceError | null): void => {
      signal.removeEventListener("abort", cancel);
      cancel();
      resolve(failure ?? undefined);
    };
    signal.addEventListener("abort", cancel, { once: true });
    look.once("data", () => {
      const request = Buffer.from(writeDeleteRequest(ref));
      order = client.makeUnaryRequest(UPDATE, pass, pass, request, { deadline }, over);
    });
    look.on("error", over);
    look.once("end", over);
  });
}

/** It went before we came, by BuildKit's own rules or by a client's order. */
function isOfOneRecord({ code, details }: ServiceError): boolean {
  if (code === status.DEADLINE_EXCEEDED || code === status.NOT_FOUND) return true;
  return details.includes("is deleted") || details.includes("failed to retrieve ref");
}
