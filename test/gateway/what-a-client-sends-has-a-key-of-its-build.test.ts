import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { SESSION_HEADER, SHARED_KEY_HEADER } from "../../agent/core/calls.ts";
import { type Sharing, sharedKey } from "../../agent/gateway/calls/shared-key.ts";
import { FLAG, FRAME_MAX_BYTES, frame, TYPE, withField } from "../../agent/gateway/http2/frames.ts";
import type { HeaderField } from "../../agent/gateway/http2/hpack.ts";
import { OWN } from "./http2/client-session.ts";
import { type GoCall, GoReader } from "./http2/go-reader.ts";
import { BUILD, guarded } from "./http2/judged.ts";
import { BEGIN, CONTROL, framesOf, inOneFrame, type Layout, PlainClient } from "./http2/plain-client.ts";
import { prefixed } from "./http2/protobuf-writer.ts";

const NOTHING = Buffer.alloc(0);
const OF_BUILD: Sharing = { buildId: BUILD, contextGroup: undefined };

let go: GoReader;
beforeAll(() => {
  go = new GoReader();
});
afterAll(() => go[Symbol.asyncDispose]());

/** What BuildKit reads of one session's start, and of a call after it. */
async function readByGo(more: readonly HeaderField[], layout: Layout): Promise<readonly GoCall[]> {
  const client = new PlainClient();
  const session = client.head(`${CONTROL}Session`, [[SESSION_HEADER, OWN.session], ...more], layout);
  const data = client.data(NOTHING);
  const next = client.head(`${CONTROL}ListWorkers`, [[SESSION_HEADER, OWN.session], ...more]);
  const bytes = Buffer.concat([BEGIN, session, data, next, client.data(prefixed(NOTHING))]);
  const { toBuildkit, unsound } = guarded([bytes]);
  expect(unsound).toBeUndefined();
  const { calls, end } = await go.one(toBuildkit);
  expect(end).toBe("eof");
  return calls;
}

const keysOf = (call: GoCall | undefined): readonly string[] =>
  (call?.fields ?? []).filter(([name]) => name === SHARED_KEY_HEADER).map(([, value]) => value);

const LAYOUTS: readonly { readonly how: string; readonly layout: Layout }[] = [
  { how: "in one frame", layout: inOneFrame },
  {
    how: "in two frames",
    layout: (stream, block) =>
      Buffer.concat([
        frame(TYPE.headers, 0, stream, block.subarray(0, 9)),
        frame(TYPE.continuation, FLAG.endHeaders, stream, block.subarray(9)),
      ]),
  },
  {
    how: "with padding and priority",
    layout: (stream, block) =>
      frame(
        TYPE.headers,
        FLAG.endHeaders | FLAG.padded | FLAG.priority,
        stream,
        Buffer.concat([Buffer.from([3, 0, 0, 0, 0, 9]), block, Buffer.alloc(3)]),
      ),
  },
];

describe.each(LAYOUTS)("a session that is announced $how", ({ layout }) => {
  it.each([
    { asking: "none", more: [] as HeaderField[], asked: "" },
    { asking: "an empty one", more: [[SHARED_KEY_HEADER, ""]] as HeaderField[], asked: "" },
    { asking: "one", more: [[SHARED_KEY_HEADER, "my-directory"]] as HeaderField[], asked: "my-directory" },
  ])(
    "has its build's key before the client's, asking for $asking, and the next call is read right",
    async ({ more, asked }) => {
      const [session, next] = await readByGo(more, layout);
      expect(keysOf(session)).toEqual([sharedKey(OF_BUILD, asked), ...more.map(([, value]) => value)]);
      expect(keysOf(next)).toEqual(more.map(([, value]) => value));
      expect(session?.fields.map(([name]) => name).slice(0, 5)).toEqual([
        ...[":method", ":scheme", ":path", ":authority"],
        SHARED_KEY_HEADER,
      ]);
    },
  );
});

it("a header block that grows over a frame goes on in the next, and ends the call where it did", async () => {
  const headWith = (fillerBytes: number): Buffer =>
    new PlainClient().head(
      `${CONTROL}Session`,
      [
        [SESSION_HEADER, OWN.session],
        ["x-filler", "v".repeat(fillerBytes)],
      ],
      (stream, block) => frame(TYPE.headers, FLAG.endHeaders | FLAG.endStream, stream, block),
    );
  const head = headWith(FRAME_MAX_BYTES - 20 - headWith(0).length);
  const { toBuildkit } = guarded([BEGIN, head]);
  const frames = framesOf(toBuildkit.subarray(BEGIN.length));
  expect(frames.map((each) => [each[3], each[4]])).toEqual([
    [TYPE.headers, FLAG.endStream],
    [TYPE.continuation, FLAG.endHeaders],
  ]);
  const { calls } = await go.one(toBuildkit);
  expect(keysOf(calls[0])).toEqual([sharedKey(OF_BUILD, "")]);
});

it("a session that asks for two keys can be read in two ways, and is cut", () => {
  const client = new PlainClient();
  const twice: HeaderField[] = ["a", "b"].map((key) => [SHARED_KEY_HEADER, key]);
  const head = client.head(`${CONTROL}Session`, [[SESSION_HEADER, OWN.session], ...twice]);
  expect(guarded([BEGIN, head]).unsound).toBe("a request that can be read in two ways");
});

it("whatever a client asks for, its key ends with what is its build's or group's", () => {
  for (const asked of ["", "k", ":build/b", ":group/a:metadata"]) {
    expect(sharedKey({ buildId: "a", contextGroup: undefined }, asked)).toMatch(/:build\/a$/);
    expect(sharedKey({ buildId: "a", contextGroup: "b" }, asked)).toMatch(/:group\/b$/);
  }
});

it("keys are alike for one group and one wish, and for nothing else", () => {
  const sharings: Sharing[] = [
    { buildId: "a", contextGroup: undefined },
    { buildId: "b", contextGroup: undefined },
    { buildId: "x", contextGroup: "a" },
    { buildId: "x", contextGroup: "b" },
  ];
  const keys = sharings.flatMap((sharing) => ["", "a", "b"].map((asked) => sharedKey(sharing, asked)));
  expect(new Set(keys).size).toBe(keys.length);
  expect(sharedKey({ buildId: "one", contextGroup: "g" }, "k")).toBe(
    sharedKey({ buildId: "other", contextGroup: "g" }, "k"),
  );
});

it("a field that is added leaves what stands around it", () => {
  const block = Buffer.from([0x82, 0x86, 0x84]);
  const header = { payloadBytes: 0, type: TYPE.headers, flags: FLAG.endHeaders, stream: 5 };
  expect(withField(header, block, 2, ["a", "b"])).toEqual(
    frame(TYPE.headers, FLAG.endHeaders, 5, Buffer.from([0x82, 0x86, 0x00, 1, 0x61, 1, 0x62, 0x84])),
  );
});
