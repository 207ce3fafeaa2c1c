import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { MessageError, MessageFields } from "../../agent/gateway/http2/message-fields.ts";
import { Dice } from "./http2/dice.ts";
import { GoReader } from "./http2/go-reader.ts";
import { BEGIN, CONTROL, PlainClient } from "./http2/plain-client.ts";
import { bytesField, prefixed, tag, varint } from "./http2/protobuf-writer.ts";

const WANTED = new Set([1, 5, 15]);
const NOTHING = Buffer.alloc(0);

let go: GoReader;
beforeAll(() => {
  go = new GoReader();
});
afterAll(() => go[Symbol.asyncDispose]());

function read(...pieces: readonly Buffer[]): Readonly<Record<number, string>> | "not whole" {
  const message = new MessageFields(WANTED);
  for (const piece of pieces) message.push(piece);
  return message.isWhole ? Object.fromEntries(message.found) : "not whole";
}

/** What BuildKit's decoder finds in the same message of `Solve`. */
async function readByGo(message: Buffer) {
  const client = new PlainClient();
  const { calls } = await go.one(
    Buffer.concat([BEGIN, client.head(`${CONTROL}Solve`), client.data(prefixed(message))]),
  );
  return calls[0]?.unread === undefined ? (calls[0]?.names ?? {}) : "nothing";
}

const WHOLE = Buffer.concat([
  bytesField(2, Buffer.alloc(300, 0x0a)),
  bytesField(1, "the-ref"),
  Buffer.concat([tag(11, 0), varint(300)]),
  Buffer.concat([tag(200, 1), Buffer.alloc(8, 0x0a)]),
  Buffer.concat([tag(201, 5), Buffer.alloc(4, 0x0a)]),
  bytesField(5, "the-session"),
  bytesField(15, ""),
]);
const NAMES = { 1: "the-ref", 5: "the-session", 15: "" };

describe("a message is read the same", () => {
  it("split at each place", () => {
    const data = prefixed(WHOLE);
    for (let at = 0; at <= data.length; at += 1) expect(read(data.subarray(0, at), data.subarray(at))).toEqual(NAMES);
    expect(read(...[...data].map((byte) => Buffer.from([byte])))).toEqual(NAMES);
  });

  it("by BuildKit's decoder", async () => {
    expect(await readByGo(WHOLE)).toEqual({ 1: "the-ref", 5: "the-session" });
  });

  it("whatever follows it", () => {
    expect(read(Buffer.concat([prefixed(WHOLE), prefixed(bytesField(1, "another"))]))).toEqual(NAMES);
    expect(read(prefixed(WHOLE), prefixed(bytesField(1, "another")))).toEqual(NAMES);
  });
});

describe("a message is whole", () => {
  it("not before its last byte", () => {
    const data = prefixed(WHOLE);
    for (let length = 0; length < data.length; length += 1) expect(read(data.subarray(0, length))).toBe("not whole");
  });

  it("at once, if it has no bytes", () => {
    expect(read(prefixed(NOTHING))).toEqual({});
  });
});

it.each([
  { what: "a tag that is longer than it need be", message: bytesField(1, "ref", 4) },
  { what: "a tag and a length of ten bytes each", message: bytesField(1, "ref", 9) },
  { what: "a field of no bytes", message: bytesField(1, "") },
  { what: "bytes that are no UTF-8", message: bytesField(1, "\u00ff\u0080") },
])("$what is read as BuildKit reads it", async ({ message }) => {
  const names = read(prefixed(message));
  expect(names).toEqual({ 1: expect.any(String) as string });
  expect(Object.entries(names).filter(([, name]) => name !== "")).toEqual(Object.entries(await readByGo(message)));
});

/** `go`: whether BuildKit would read something from it. */
it.each([
  {
    what: "a field that is there twice",
    message: Buffer.concat([bytesField(1, "a"), bytesField(1, "b")]),
    go: { 1: "b" },
  },
  {
    what: "a field that is there twice, once empty",
    message: Buffer.concat([bytesField(1, "a"), bytesField(1, "")]),
    go: {},
  },
  { what: "a field that is a number", message: Buffer.concat([tag(1, 0), varint(7)]), go: "nothing" },
  { what: "a field that is eight bytes", message: Buffer.concat([tag(5, 1), Buffer.alloc(8)]), go: "nothing" },
  { what: "a field that is a group", message: Buffer.concat([tag(1, 3), tag(1, 4)]), go: "nothing" },
  {
    what: "a group elsewhere",
    message: Buffer.concat([tag(99, 3), bytesField(1, "in"), tag(99, 4), bytesField(1, "a")]),
    go: { 1: "a" },
  },
  {
    what: "the end of a group that has not begun",
    message: Buffer.concat([tag(99, 4), bytesField(1, "a")]),
    go: "nothing",
  },
  {
    what: "a kind of field that there is not",
    message: Buffer.concat([tag(99, 6), bytesField(1, "a")]),
    go: "nothing",
  },
  { what: "a field without a number", message: Buffer.concat([tag(0, 2), varint(0)]), go: "nothing" },
  {
    what: "a tag of more than 32 bits",
    message: Buffer.concat([varint(2 ** 35 + 10), varint(1), Buffer.from("a")]),
    go: { 1: "a" },
  },
  {
    what: "a tag of more than 64 bits",
    message: Buffer.concat([Buffer.from("8a808080808080808002", "hex"), varint(1), Buffer.from("a")]),
    go: { 1: "a" },
  },
  { what: "a tag of eleven bytes", message: bytesField(1, "a", 10), go: "nothing" },
  {
    what: "a length of more than 64 bits",
    message: Buffer.concat([tag(1, 2), Buffer.from("81808080808080808002", "hex"), Buffer.from("a")]),
    go: { 1: "a" },
  },
  {
    what: "a name that ends after its message",
    message: Buffer.concat([tag(1, 2), varint(4), Buffer.from("abc")]),
    go: "nothing",
  },
  {
    what: "a field that ends after its message",
    message: Buffer.concat([tag(2, 2), varint(4), Buffer.from("abc")]),
    go: "nothing",
  },
  { what: "eight bytes of which four are there", message: Buffer.concat([tag(99, 1), Buffer.alloc(4)]), go: "nothing" },
  { what: "an end within a tag", message: Buffer.from([0x8a]), go: "nothing" },
  { what: "an end before a length", message: tag(2, 2), go: "nothing" },
  { what: "an end within a length", message: Buffer.concat([tag(2, 2), Buffer.from([0x80])]), go: "nothing" },
  { what: "an end before a number", message: tag(11, 0), go: "nothing" },
  { what: "an end within a number", message: Buffer.concat([tag(11, 0), Buffer.from([0x80])]), go: "nothing" },
  { what: "a name of 257 bytes", message: bytesField(1, "n".repeat(257)), go: { 1: "n".repeat(257) } },
])("$what is not understood", async ({ message, go: names }) => {
  expect(() => read(prefixed(message))).toThrow(MessageError);
  expect(() => read(...[...prefixed(message)].map((byte) => Buffer.from([byte])))).toThrow(MessageError);
  // Where BuildKit reads something all the same, we are the stricter.
  expect(await readByGo(message)).toEqual(names);
});

it.each([1, 2, 128, 255])("a message with the flag %i is compressed, or what nobody knows", (flag) => {
  expect(() => read(prefixed(bytesField(1, "a"), flag))).toThrow("a compressed message");
});

it("a message may be as large as BuildKit takes it, and no larger", () => {
  const most = 16 * 1024 * 1024;
  expect(read(prefixed(NOTHING, 0, most))).toBe("not whole");
  expect(() => read(prefixed(NOTHING, 0, most + 1))).toThrow(`a message of ${most + 1} bytes`);
});

it("whatever the bytes: they are not understood, or say what BuildKit's decoder reads", async () => {
  const dice = new Dice(1_205);
  const pieces = () =>
    dice.pick([
      () => bytesField(dice.pick([1, 5, 15]), dice.bytes(dice.upTo(4)), dice.upTo(3)),
      () => Buffer.concat([tag(dice.pick([11, 14, 99]), 0), varint(dice.upTo(2 ** 31), dice.upTo(8))]),
      () => Buffer.concat([tag(99 + dice.upTo(9), dice.pick([1, 5, 2, 3])), dice.bytes(dice.upTo(10))]),
      () => dice.bytes(dice.upTo(3)),
    ])();
  const messages = Array.from({ length: 3_000 }, () => Buffer.concat(Array.from({ length: dice.upTo(4) }, pieces)));
  const records = messages.map((message) => {
    const client = new PlainClient();
    return Buffer.concat([BEGIN, client.head(`${CONTROL}Solve`), client.data(prefixed(message))]);
  });
  const readings = await go.read(records);
  const compared = messages.flatMap((message, at) => {
    const [call] = readings[at]?.calls ?? [];
    const ours = understood(message);
    // What BuildKit's decoder refuses starts nothing.
    if (ours === undefined || call?.unread !== undefined) return [];
    return [{ message: message.toString("hex"), ours, theirs: call?.names ?? {} }];
  });
  for (const { message, ours, theirs } of compared)
    expect({ message, names: ours }).toEqual({ message, names: theirs });
  expect(compared.length).toBeGreaterThan(500);
});

/** Names that are not empty. Undefined: it was refused. */
function understood(message: Buffer): Readonly<Record<string, string>> | undefined {
  try {
    return Object.fromEntries(Object.entries(read(prefixed(message))).filter(([, name]) => name !== ""));
  } catch (failure) {
    if (failure instanceof MessageError) return undefined;
    throw failure;
  }
}
