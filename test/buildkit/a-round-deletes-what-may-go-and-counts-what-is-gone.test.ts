import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { BinaryReader, BinaryWriter, WireType } from "@bufbuild/protobuf/wire";
import { Server, ServerCredentials, type ServerWritableStream, type sendUnaryData, status } from "@grpc/grpc-js";
import { afterEach, beforeEach, expect, it } from "vitest";
import { GrpcBuildkitCache } from "../../agent/adapters/buildkit/grpc-cache.ts";

const SERVICE = "/moby.buildkit.v1.Control/";
const ALL = { spareYoungest: 0, minAgeMs: 0, pinnedToo: false };
const pass = (bytes: Buffer): Buffer => bytes;

/** What BuildKit says of a build: asked for it alone, and told to delete it. */
interface Kept {
  readonly ref: string;
  /** Absent: nothing more is heard of it. */
  readonly looked?: "ended" | "pinned" | "runs";
  readonly deletes?: "at-once" | "never" | "no-space";
}

let dir: string;
let server: Server;
let history: readonly Kept[];
let ordered: string[];

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "history-"));
  ordered = [];
  server = new Server();
  server.register(`${SERVICE}ListenBuildHistory`, listen, pass, pass, "serverStream");
  server.register(`${SERVICE}UpdateBuildHistory`, update, pass, pass, "unary");
  server.register(
    `${SERVICE}Prune`,
    (call: ServerWritableStream<Buffer, Buffer>) => call.end(),
    pass,
    pass,
    "serverStream",
  );
  const credentials = ServerCredentials.createInsecure();
  await new Promise((resolve) => server.bindAsync(`unix:${join(dir, "sock")}`, credentials, resolve));
});

afterEach(async () => {
  server.forceShutdown();
  await rm(dir, { recursive: true });
});

function listen(call: ServerWritableStream<Buffer, Buffer>): void {
  const asked = textOf(call.request, 2);
  if (asked === "") {
    for (const { ref } of history) call.write(event(ref, "ended"));
    call.end();
    return;
  }
  const looked = history.find(({ ref }) => ref === asked)?.looked;
  if (looked !== undefined) call.write(event(asked, looked));
}

function update({ request }: { readonly request: Buffer }, answer: sendUnaryData<Buffer>): void {
  const asked = textOf(request, 1);
  const isAgain = ordered.includes(asked);
  ordered.push(asked);
  const deletes = history.find(({ ref }) => ref === asked)?.deletes;
  if (deletes === "no-space") answer({ code: status.UNKNOWN, details: "write history.db: no space left on device" });
  else if (isAgain && deletes === "at-once")
    answer({ code: status.NOT_FOUND, details: `lease "ref_${asked}": not found` });
  else answer(null, Buffer.alloc(0));
}

function event(ref: string, state: NonNullable<Kept["looked"]>): Buffer {
  const record = new BinaryWriter().tag(1, WireType.LengthDelimited).string(ref);
  const seconds = new BinaryWriter().tag(1, WireType.Varint).int64(1_000).finish();
  if (state !== "runs") record.tag(7, WireType.LengthDelimited).bytes(seconds);
  if (state === "pinned") record.tag(14, WireType.Varint).bool(true);
  return Buffer.from(new BinaryWriter().tag(2, WireType.LengthDelimited).bytes(record.finish()).finish());
}

function textOf(bytes: Buffer, wanted: number): string {
  const reader = new BinaryReader(bytes);
  let text = "";
  while (reader.pos < reader.len) {
    const [field, type] = reader.tag();
    if (field === wanted && type === WireType.LengthDelimited) text = reader.string();
    else reader.skip(type, field);
  }
  return text;
}

async function round(signal = new AbortController().signal): Promise<number> {
  using cache = new GrpcBuildkitCache(join(dir, "sock"), dir);
  return (await cache.deleteHistory(ALL, signal)).records;
}

it("leaves what was pinned, or is built again, since it was listed", async () => {
  history = [
    { ref: "pinned", looked: "pinned" },
    { ref: "runs", looked: "runs" },
    { ref: "ended", looked: "ended", deletes: "at-once" },
  ];
  expect(await round()).toBe(1);
  expect(new Set(ordered)).toEqual(new Set(["ended"]));
});

it("goes on to the next where one is gone already, and counts none that somebody else still looks at", async () => {
  history = [
    { ref: "gone" },
    { ref: "looked-at", looked: "ended", deletes: "never" },
    { ref: "ended", looked: "ended", deletes: "at-once" },
  ];
  expect(await round()).toBe(1);
  expect(ordered.at(-1)).toBe("ended");
});

it("says that the disk is too full to delete, and what is done where it was not at first", async () => {
  history = [{ ref: "none", looked: "ended", deletes: "no-space" }];
  await expect(round()).rejects.toMatchObject({ code: "buildkit.disk-full", retryable: true });
  history = [{ ref: "ended", looked: "ended", deletes: "at-once" }, ...history];
  ordered = [];
  expect(await round()).toBe(1);
});

it("ends with its caller, as a cancellation", async () => {
  history = [{ ref: "silent" }];
  const caller = new AbortController();
  const reason = new Error("the agent ends");
  const work = round(caller.signal);
  setTimeout(() => caller.abort(reason), 100);
  await expect(work).rejects.toBe(reason);
});
