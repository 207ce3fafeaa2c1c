import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { BUILD_HEADER, SESSION_HEADER } from "../../agent/core/calls.ts";
import { FLAG, frame, TYPE } from "../../agent/gateway/http2/frames.ts";
import { type HeaderField, HpackDecoder } from "../../agent/gateway/http2/hpack.ts";
import { FOREIGN, OWN } from "./http2/client-session.ts";
import { GoReader } from "./http2/go-reader.ts";
import { guarded } from "./http2/judged.ts";
import {
  BEGIN,
  BRIDGE,
  CONTENT,
  CONTROL,
  framesOf,
  inOneFrame,
  type Layout,
  PlainClient,
} from "./http2/plain-client.ts";
import { bytesField, prefixed } from "./http2/protobuf-writer.ts";

const NOTHING = Buffer.alloc(0);

let go: GoReader;
beforeAll(() => {
  go = new GoReader();
});
afterAll(() => go[Symbol.asyncDispose]());

/** In as many frames as it has bytes, up to eight: the last has the rest. */
const inManyFrames: Layout = (stream, block) =>
  Buffer.concat(
    Array.from({ length: 8 }, (_, at) => {
      const payload = at < 7 ? block.subarray(at, at + 1) : block.subarray(7);
      return frame(at === 0 ? TYPE.headers : TYPE.continuation, at < 7 ? 0 : FLAG.endHeaders, stream, payload);
    }),
  );
const withEmptyEnd: Layout = (stream, block) =>
  Buffer.concat([frame(TYPE.headers, 0, stream, block), frame(TYPE.continuation, FLAG.endHeaders, stream, NOTHING)]);
const padded: Layout = (stream, block) => {
  const payload = Buffer.concat([Buffer.from([7, 0, 0, 0, 0, 15]), block, Buffer.alloc(7)]);
  return frame(TYPE.headers, FLAG.endHeaders | FLAG.padded | FLAG.priority, stream, payload);
};
const ended: Layout = (stream, block) => frame(TYPE.headers, FLAG.endHeaders | FLAG.endStream, stream, block);

const LAYOUTS = { inOneFrame, inManyFrames, withEmptyEnd, padded, ended };

/** A field that BuildKit's table has from then on, though its call is refused. */
const MARK: HeaderField = ["x-mark", "remembered"];

describe("by its headers", () => {
  const attempts: readonly { path: string; field: HeaderField; because: string }[] = [
    { path: `${CONTROL}Unheard`, field: ["x", "y"], because: "it is not known" },
    { path: `${CONTENT}List`, field: ["x", "y"], because: "it is not known" },
    { path: `${CONTROL}Session`, field: [SESSION_HEADER, FOREIGN.session], because: "is not of this build" },
    { path: `${CONTROL}Session`, field: [SESSION_HEADER, `any:${FOREIGN.session}`], because: "is not of this build" },
    { path: `${CONTROL}Session`, field: ["x", "y"], because: "it names no session" },
    { path: `${BRIDGE}Ping`, field: [BUILD_HEADER, FOREIGN.ref], because: "is not of this build" },
    { path: `${BRIDGE}Ping`, field: [BUILD_HEADER, ""], because: "it names no ref" },
    { path: `${CONTROL}Solve`, field: ["grpc-encoding", "gzip"], because: "its message is compressed" },
  ];
  const all = attempts.flatMap((each) => Object.entries(LAYOUTS).map(([how, layout]) => ({ ...each, how, layout })));

  it.each(all)(
    "$path with $field, $how: Go refuses the stream, and reads on",
    async ({ path, field, because, layout }) => {
      const client = new PlainClient();
      const sound = [BEGIN, client.head(`${CONTROL}ListWorkers`), client.data(prefixed(NOTHING))];
      const refused = [client.head(path, [field, MARK], layout), client.data(prefixed(NOTHING))];
      const later = [client.head(`${CONTROL}Info`, [MARK]), client.data(prefixed(NOTHING))];
      const { toBuildkit, refusals, unsound } = guarded([Buffer.concat([...sound, ...refused, ...later])]);
      expect({ refusals, unsound }).toEqual({ refusals: [expect.stringContaining(because)], unsound: undefined });
      const { calls, ...rest } = await go.one(toBuildkit);
      expect(rest).toEqual({ refused: [3], end: "eof" });
      expect(calls.map(({ stream, isWhole }) => [stream, isWhole])).toEqual([
        [1, true],
        [5, true],
      ]);
      // The table was moved on by the block that was refused.
      expect(calls[1]?.fields).toContainEqual(MARK);
      expect(calls[1]?.fields).toContainEqual([":path", `${CONTROL}Info`]);
    },
  );
});

describe("by its message", () => {
  const filler = bytesField(2, Buffer.alloc(40_000, 0x61));
  const attempts = [
    { path: `${CONTROL}Solve`, message: bytesField(1, FOREIGN.ref) },
    {
      path: `${CONTROL}Solve`,
      message: Buffer.concat([bytesField(1, OWN.ref), filler, bytesField(5, FOREIGN.session)]),
    },
    { path: `${CONTROL}Solve`, message: Buffer.concat([bytesField(1, OWN.ref), bytesField(15, FOREIGN.session)]) },
    { path: `${CONTROL}Solve`, message: NOTHING },
    { path: `${CONTROL}Status`, message: Buffer.concat([filler, bytesField(1, FOREIGN.ref)]) },
    { path: `${CONTROL}ListenBuildHistory`, message: bytesField(2, FOREIGN.ref) },
    { path: `${CONTROL}ListenBuildHistory`, message: Buffer.from([0x08, 1]) },
    { path: `${CONTROL}UpdateBuildHistory`, message: bytesField(1, FOREIGN.ref) },
    { path: `${CONTENT}Read`, message: bytesField(1, FOREIGN.digest) },
    { path: `${CONTENT}Info`, message: bytesField(1, "sha256:nobodys") },
  ];

  it.each(attempts)("of $path: its message never comes whole, and the session goes on", async ({ path, message }) => {
    for (const pieceBytes of [3, 16_384]) {
      const client = new PlainClient();
      const parts = [BEGIN, client.head(path, [MARK])];
      const data = prefixed(message);
      for (let at = 0; at < data.length; at += pieceBytes)
        parts.push(client.data(data.subarray(at, at + pieceBytes), at + pieceBytes < data.length ? 0 : FLAG.endStream));
      parts.push(client.head(`${CONTROL}Status`, [MARK]), client.data(prefixed(bytesField(1, OWN.ref))));
      const { toBuildkit, refusals, unsound } = guarded(parts);
      expect({ refusals, unsound }).toEqual({ refusals: [expect.stringContaining(path)], unsound: undefined });
      // What it took of the connection's window, BuildKit gives back: it must have come.
      expect(toBuildkit.length).toBe(Buffer.concat(parts).length + 13);
      const { calls, ...rest } = await go.one(toBuildkit);
      expect(rest).toEqual({ refused: [], end: "eof" });
      expect(calls.map(({ stream, isWhole, names }) => [stream, isWhole, names])).toEqual([
        [1, false, undefined],
        [3, true, { 1: OWN.ref }],
      ]);
    }
  });
});

it("the client is told why, in a trailer that leaves its table as it was", () => {
  const client = new PlainClient();
  const heads = ['/un%"k\u00f6wn', `${CONTROL}Session`].map((path) => client.head(path));
  const { toClient, refusals } = guarded([BEGIN, ...heads]);
  expect(refusals).toHaveLength(2);
  const answers = framesOf(toClient);
  expect(answers.map((each) => each.subarray(3, 9).toString("hex"))).toEqual(["010500000001", "010500000003"]);
  const one = new HpackDecoder(65_536);
  const [first, second] = answers.map((each) => one.decode(each.subarray(9)));
  expect(first).toEqual([
    [":status", "200"],
    ["content-type", "application/grpc"],
    ["grpc-status", "7"],
    ["grpc-message", expect.stringMatching(/^this machine passes no call of [ -~]+: it is not known$/)],
  ]);
  expect(decodeURIComponent(first?.[3]?.[1] ?? "")).toContain("/un%");
  expect(second?.[3]?.[1]).toContain("it names no session of this build");
  expect(() => one.decode(Buffer.from([0xbe]))).toThrow("no header field has index 62");
});

it("who asks for more than a thousand calls that it may not make is cut", () => {
  const client = new PlainClient();
  const heads = Array.from({ length: 1_001 }, () => client.head("/unknown"));
  expect(guarded([BEGIN, ...heads.slice(0, 1_000)])).toMatchObject({ unsound: undefined });
  const { unsound, refusals } = guarded([BEGIN, ...heads]);
  expect(refusals).toHaveLength(1_000);
  expect(unsound).toBe("more than 1000 calls that this build may not make");
});
