import { once } from "node:events";
import { connect, createServer } from "node:http2";
import { type AddressInfo, connect as connectTcp } from "node:net";
import { Duplex } from "node:stream";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { FLAG, frame, TYPE } from "../../agent/gateway/http2/frames.ts";
import { type HeaderField, HpackDecoder, HpackError } from "../../agent/gateway/http2/hpack.ts";
import { decodeHuffman } from "../../agent/gateway/http2/huffman.ts";
import { Dice } from "./http2/dice.ts";
import { GoReader, huffmanCodes } from "./http2/go-reader.ts";
import { HpackWriter, huffman, number, ofBits, text } from "./http2/hpack-writer.ts";
import { recorded } from "./http2/judged.ts";
import { BEGIN } from "./http2/plain-client.ts";

const LIST_MAX_BYTES = 64 * 1024;
const hex = (...parts: readonly string[]) => Buffer.from(parts.join("").replaceAll(" ", ""), "hex");
const decoder = () => new HpackDecoder(LIST_MAX_BYTES);

let codes: readonly string[];
let go: GoReader;
beforeAll(async () => {
  codes = await huffmanCodes();
  go = new GoReader();
});
afterAll(() => go[Symbol.asyncDispose]());

/** Appendix C's responses have a table of 256 bytes. */
const SMALL_TABLE = number(0x20, 5, 256);

const requests: readonly (readonly HeaderField[])[] = [
  [
    [":method", "GET"],
    [":scheme", "http"],
    [":path", "/"],
    [":authority", "www.example.com"],
  ],
  [
    [":method", "GET"],
    [":scheme", "http"],
    [":path", "/"],
    [":authority", "www.example.com"],
    ["cache-control", "no-cache"],
  ],
  [
    [":method", "GET"],
    [":scheme", "https"],
    [":path", "/index.html"],
    [":authority", "www.example.com"],
    ["custom-key", "custom-value"],
  ],
];
const response = (status: string, second: number): readonly HeaderField[] => [
  [":status", status],
  ["cache-control", "private"],
  ["date", `Mon, 21 Oct 2013 20:13:${second} GMT`],
  ["location", "https://www.example.com"],
];
const responses: readonly (readonly HeaderField[])[] = [
  response("302", 21),
  response("307", 21),
  [
    ...response("200", 22),
    ["content-encoding", "gzip"],
    ["set-cookie", "foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1"],
  ],
];

describe("RFC 7541, appendix C", () => {
  it.each([
    {
      of: "C.2.1",
      block: hex("400a 6375 7374 6f6d 2d6b 6579 0d63 7573 746f 6d2d 6865 6164 6572"),
      field: ["custom-key", "custom-header"],
    },
    { of: "C.2.2", block: hex("040c 2f73 616d 706c 652f 7061 7468"), field: [":path", "/sample/path"] },
    { of: "C.2.3", block: hex("1008 7061 7373 776f 7264 0673 6563 7265 74"), field: ["password", "secret"] },
    { of: "C.2.4", block: hex("82"), field: [":method", "GET"] },
  ])("$of is one field", ({ block, field }) => {
    expect(decoder().decode(block)).toEqual([field]);
  });

  it.each([
    {
      of: "C.3",
      fields: requests,
      blocks: [
        hex("8286 8441 0f77 7777 2e65 7861 6d70 6c65 2e63 6f6d"),
        hex("8286 84be 5808 6e6f 2d63 6163 6865"),
        hex("8287 85bf 400a 6375 7374 6f6d 2d6b 6579 0c63 7573 746f 6d2d 7661 6c75 65"),
      ],
    },
    {
      of: "C.4",
      fields: requests,
      blocks: [
        hex("8286 8441 8cf1 e3c2 e5f2 3a6b a0ab 90f4 ff"),
        hex("8286 84be 5886 a8eb 1064 9cbf"),
        hex("8287 85bf 4088 25a8 49e9 5ba9 7d7f 8925 a849 e95b b8e8 b4bf"),
      ],
    },
    {
      of: "C.5",
      fields: responses,
      blocks: [
        Buffer.concat([
          SMALL_TABLE,
          hex(
            "4803 3330 3258 0770 7269 7661 7465 611d 4d6f 6e2c 2032 3120 4f63 7420 3230 3133 2032 303a 3133 3a32",
            "3120 474d 546e 1768 7474 7073 3a2f 2f77 7777 2e65 7861 6d70 6c65 2e63 6f6d",
          ),
        ]),
        hex("4803 3330 37c1 c0bf"),
        hex(
          "88c1 611d 4d6f 6e2c 2032 3120 4f63 7420 3230 3133 2032 303a 3133 3a32 3220 474d 54c0 5a04 677a 6970",
          "7738 666f 6f3d 4153 444a 4b48 514b 425a 584f 5157 454f 5049 5541 5851 5745 4f49 553b 206d 6178 2d61",
          "6765 3d33 3630 303b 2076 6572 7369 6f6e 3d31",
        ),
      ],
    },
    {
      of: "C.6",
      fields: responses,
      blocks: [
        Buffer.concat([
          SMALL_TABLE,
          hex(
            "4882 6402 5885 aec3 771a 4b61 96d0 7abe 9410 54d4 44a8 2005 9504 0b81 66e0 82a6 2d1b ff6e 919d 29ad",
            "1718 63c7 8f0b 97c8 e9ae 82ae 43d3",
          ),
        ]),
        hex("4883 640e ffc1 c0bf"),
        hex(
          "88c1 6196 d07a be94 1054 d444 a820 0595 040b 8166 e084 a62d 1bff c05a 839b d9ab 77ad 94e7 821d d7f2",
          "e6c7 b335 dfdf cd5b 3960 d5af 2708 7f36 72c1 ab27 0fb5 291f 9587 3160 65c0 03ed 4ee5 b106 3d50 07",
        ),
      ],
    },
  ])("$of is three blocks of one connection", ({ fields, blocks }) => {
    const one = decoder();
    expect(blocks.map((block) => one.decode(block))).toEqual(fields);
  });
});

describe("Huffman's code", () => {
  it("of every byte is the one that Go writes", () => {
    for (let byte = 0; byte < 256; byte += 1) {
      const character = String.fromCharCode(byte);
      expect([byte, decodeHuffman(huffman(character, codes))]).toEqual([byte, character]);
      expect([byte, decodeHuffman(huffman(`a${character}0`, codes))]).toEqual([byte, `a${character}0`]);
    }
  });

  it.each([
    { what: "is filled up with zeros", bits: "00011000" },
    { what: "is filled up with a whole byte", bits: "0001111111111111" },
    { what: "is nothing but a byte of ones", bits: "11111111" },
    { what: "ends within a longer code", bits: "1111111111100000" },
    { what: "has the end-of-string symbol", bits: `${"1".repeat(30)}00` },
    { what: "has the end-of-string symbol after a byte", bits: `00011${"1".repeat(30)}11111` },
  ])("is none where it $what", ({ bits }) => {
    expect(decodeHuffman(ofBits(bits))).toBeUndefined();
  });

  it("of nothing is nothing", () => {
    expect(decodeHuffman(Buffer.alloc(0))).toBe("");
  });

  it("is for us what it is for Go, whatever the bytes", async () => {
    const dice = new Dice(7541);
    const strings = Array.from({ length: 2_000 }, () => {
      const bytes = dice.chance(0.5) ? dice.bytes(dice.upTo(6)) : huffman(dice.bytes(3).toString("latin1"), codes);
      if (bytes.length > 0 && dice.chance(0.5)) bytes[bytes.length - 1] = dice.pick([0xff, 0xfe, dice.upTo(256)]);
      return bytes;
    });
    const blocks = strings.map((coded) => Buffer.concat([hex("40 0178"), number(0x80, 7, coded.length), coded]));
    const records = blocks.map((block) => Buffer.concat([BEGIN, frame(TYPE.headers, FLAG.endHeaders, 1, block)]));
    const readings = await go.read(records);
    // A field that is not for a header is refused by Go for its stream alone.
    const isCode = readings.map(({ end }) => end === "eof");
    expect(strings.map((coded) => decodeHuffman(coded) !== undefined)).toEqual(isCode);
    expect(new Set(isCode).size).toBe(2);
  });
});

describe("the table", () => {
  const remembered = (name: string, value: string) => Buffer.concat([hex("40"), text(name), text(value)]);
  const NEWEST = hex("be");

  it("forgets what no longer fits, the oldest first", () => {
    const one = decoder();
    // Of 4,096 bytes each takes 2,048: the third is one too many.
    for (const name of ["a", "b", "c"]) one.decode(remembered(name, "v".repeat(2_048 - 33)));
    expect(one.decode(hex("bebf")).map(([name]) => name)).toEqual(["c", "b"]);
    expect(() => one.decode(hex("c0"))).toThrow(HpackError);
  });

  it("forgets all for a field that is larger than itself, which is still read", () => {
    const one = decoder();
    one.decode(remembered("a", "1"));
    expect(one.decode(remembered("b", "v".repeat(4_096)))).toEqual([["b", "v".repeat(4_096)]]);
    expect(() => one.decode(NEWEST)).toThrow(HpackError);
  });

  it("has just room for what is just as large", () => {
    const one = decoder();
    one.decode(remembered("b", "v".repeat(4_096 - 33)));
    expect(one.decode(NEWEST)).toHaveLength(1);
  });

  it("is made smaller, and larger again, at the beginning of a block", () => {
    const one = decoder();
    one.decode(remembered("a", "1"));
    one.decode(Buffer.concat([number(0x20, 5, 0), number(0x20, 5, 4_096)]));
    expect(() => one.decode(NEWEST)).toThrow(HpackError);
    const other = decoder();
    other.decode(number(0x20, 5, 34));
    for (const name of ["a", "b"]) other.decode(remembered(name, "1"));
    expect(other.decode(NEWEST)).toEqual([["b", "1"]]);
    expect(() => other.decode(hex("bf"))).toThrow(HpackError);
  });

  it("keeps its size within a block, unless it is empty", () => {
    expect(decoder().decode(Buffer.concat([hex("82"), number(0x20, 5, 100)]))).toHaveLength(1);
    expect(() => decoder().decode(Buffer.concat([remembered("a", "1"), number(0x20, 5, 100)]))).toThrow(HpackError);
  });

  it("is never larger than BuildKit's", () => {
    expect(() => decoder().decode(number(0x20, 5, 4_097))).toThrow(HpackError);
  });
});

describe("a block is not understood", () => {
  it.each([
    { where: "it names no field", block: hex("80") },
    { where: "it names a field that is not there", block: hex("be") },
    { where: "the name of a literal is not there", block: hex("7e 01 78") },
    { where: "it ends within a number", block: hex("ff") },
    { where: "it ends within a longer number", block: hex("ff 80") },
    { where: "it ends within a name", block: hex("40 02 78") },
    { where: "it ends before a value", block: hex("40 01 78") },
    { where: "a string is longer than a block may be", block: hex("40 7f ff ff ff 7f") },
    { where: "a number has no end", block: hex("ff 80 80 80 80 80 80 80 80 80 00") },
    { where: "a number has more than 64 bits", block: hex("ff ff ff ff ff ff ff ff ff ff ff 01") },
  ])("where $where", ({ block }) => {
    expect(() => decoder().decode(block)).toThrow(HpackError);
  });

  it("where its fields are too many bytes, decoded: a byte each for a large one", () => {
    const one = decoder();
    one.decode(Buffer.concat([hex("40 0178"), text("v".repeat(4_063))]));
    const fits = Math.floor(LIST_MAX_BYTES / 4_096);
    expect(one.decode(Buffer.alloc(fits, 0xbe))).toHaveLength(fits);
    expect(() => one.decode(Buffer.alloc(fits + 1, 0xbe))).toThrow(HpackError);
  });
});

it("what Node's own client writes is read by us, and by Go, as it was meant", async () => {
  const dice = new Dice(20);
  const meant = Array.from({ length: 100 }, (): HeaderField[] => [
    [":method", "POST"],
    [":scheme", "http"],
    [":path", `/service/${dice.pick(["Solve", "Status", `x${dice.upTo(1_000)}`])}`],
    [":authority", "localhost"],
    ["x-short", dice.pick(["", "a", "some value", `${dice.upTo(2 ** 31)}`])],
    ["x-long", `${dice.pick(["a", "~", "{", "^", "|", " "]).repeat(dice.upTo(300))}z`],
    ["x-once", `${dice.upTo(2 ** 31)}`],
  ]);
  const written = await asNodeWrites(meant);
  const ours = recorded(dice.pieces(written, 50));
  const theirs = await go.one(written);
  expect(theirs.end).toBe("eof");
  expect(theirs.calls.map(({ fields }) => fields)).toEqual(meant);
  // No table knows the paths: each is refused, and none is unsound.
  expect(ours).toMatchObject({ refused: theirs.calls.map(({ stream }) => stream), unsound: undefined });
  const one = decoder();
  const blocks = headerBlocks(written);
  expect(blocks.map((block) => one.decode(block))).toEqual(meant);
});

/** The client's bytes, until all requests are answered. */
async function asNodeWrites(requestsMeant: readonly (readonly HeaderField[])[]): Promise<Buffer> {
  const server = createServer().on("stream", (stream) => stream.respond({ ":status": 200 }, { endStream: true }));
  await once(server.listen(0, "127.0.0.1"), "listening");
  const socket = connectTcp((server.address() as AddressInfo).port, "127.0.0.1");
  const chunks: Buffer[] = [];
  const tapped = new Duplex({
    read: () => undefined,
    write: (chunk: Buffer, _encoding, done) => {
      chunks.push(Buffer.from(chunk));
      socket.write(chunk, done);
    },
  });
  socket.on("data", (chunk) => tapped.push(chunk));
  const session = connect("http://localhost", { createConnection: () => tapped });
  for (const fields of requestsMeant) {
    const request = session.request(Object.fromEntries(fields), { endStream: true });
    await once(request.resume(), "close");
  }
  session.destroy();
  socket.destroy();
  server.close();
  return Buffer.concat(chunks);
}

/** Of a client that needs one frame for each. */
function headerBlocks(written: Buffer): readonly Buffer[] {
  const blocks: Buffer[] = [];
  for (let at = 24; at < written.length; ) {
    const length = written.readUIntBE(at, 3);
    const from = at + 9 + (((written[at + 4] ?? 0) & FLAG.priority) === 0 ? 0 : 5);
    if (written[at + 3] === TYPE.headers) blocks.push(written.subarray(from, at + 9 + length));
    at += 9 + length;
  }
  return blocks;
}

it("a writer and the decoder keep the same table, however fields are written and sizes change", () => {
  const dice = new Dice(3);
  const [writer, one] = [new HpackWriter(), decoder()];
  for (let block = 0; block < 500; block += 1) {
    const fields = Array.from({ length: 8 }, (): HeaderField => {
      return [dice.pick(["x", "y", "content-type", ":path"]), dice.pick(["", "1", "v".repeat(dice.upTo(900))])];
    });
    const parts = dice.chance(0.2) ? [writer.resize(dice.upTo(4_097))] : [];
    for (const field of fields) {
      const how = dice.pick(["index", "index", "remembered", "plain", "never"] as const);
      parts.push(writer.field(field, { how, codes: dice.chance(0.5) ? codes : undefined }));
    }
    expect(one.decode(Buffer.concat(parts))).toEqual(fields);
  }
});
