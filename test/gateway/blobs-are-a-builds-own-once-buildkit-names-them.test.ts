import { describe, expect, it } from "vitest";
import { USUAL_PERMISSIONS } from "../../agent/core/calls.ts";
import { Belongings } from "../../agent/gateway/calls/belongings.ts";
import { CallGuard } from "../../agent/gateway/calls/call-guard.ts";
import { USUAL_FRAME_LIMITS } from "../../agent/gateway/calls/frame-budget.ts";
import { type AnswerReader, BlobReader, HistoryReader, type ToldBlob } from "../../agent/gateway/calls/told-blobs.ts";
import { FLAG, frame, TYPE } from "../../agent/gateway/http2/frames.ts";
import { OWN } from "./http2/client-session.ts";
import { BEGIN, CONTENT, CONTROL, PlainClient } from "./http2/plain-client.ts";
import { bytesField, prefixed, tag, varint } from "./http2/protobuf-writer.ts";

const INDEX = "application/vnd.oci.image.index.v1+json";
const MANIFEST = "application/vnd.oci.image.manifest.v1+json";
const CONFIG = "application/vnd.oci.image.config.v1+json";
const NOTHING = Buffer.alloc(0);
const IN_TOTO = "application/vnd.in-toto+json";
/** As large as a message or a blob may be that is looked into. */
const MOST_BYTES = 1024 * 1024;

const descriptor = (mediaType: string, digest: string) =>
  Buffer.concat([bytesField(1, mediaType), bytesField(2, digest), tag(3, 0), varint(1_234), bytesField(5, "\n\x01a")]);
const entry = (value: Buffer) => Buffer.concat([bytesField(1, "key"), bytesField(2, value)]);
const event = (...parts: readonly Buffer[]) =>
  Buffer.concat([tag(1, 0), varint(1), bytesField(2, Buffer.concat(parts))]);

/** Of BuildKit's control.proto: a build's result, and its history record. */
const result = Buffer.concat([
  bytesField(1, descriptor(INDEX, "sha256:deprecated")),
  bytesField(2, descriptor(IN_TOTO, "sha256:attestation-1")),
  bytesField(2, descriptor(IN_TOTO, "sha256:attestation-2")),
  bytesField(3, Buffer.concat([tag(1, 0), varint(0), bytesField(2, descriptor(MANIFEST, "sha256:of-a-result"))])),
]);
const record = [
  bytesField(1, "the-ref"),
  bytesField(3, entry(Buffer.from("sha256:an-attribute"))),
  bytesField(8, descriptor("application/vnd.buildkit.status.v0", "sha256:logs")),
  bytesField(10, result),
  bytesField(11, entry(bytesField(1, descriptor(MANIFEST, "sha256:of-a-platform")))),
  bytesField(13, descriptor("application/vnd.buildkit.otlp.json.v0", "sha256:trace")),
  Buffer.concat([tag(15, 0), varint(3)]),
  bytesField(18, descriptor("application/vnd.googeapis.google.rpc.status+proto", "sha256:error")),
];
const NAMED = [
  { digest: "sha256:attestation-1", namesMore: false },
  { digest: "sha256:attestation-2", namesMore: false },
  { digest: "sha256:deprecated", namesMore: true },
  { digest: "sha256:error", namesMore: false },
  { digest: "sha256:logs", namesMore: false },
  { digest: "sha256:of-a-platform", namesMore: true },
  { digest: "sha256:of-a-result", namesMore: true },
  { digest: "sha256:trace", namesMore: false },
];

function told(reader: AnswerReader, ...pieces: readonly Buffer[]): readonly ToldBlob[] {
  const all = pieces.flatMap((piece) => [...reader.push(piece)]);
  return all.toSorted((a, b) => (a.digest < b.digest ? -1 : 1));
}

describe("of a build's history", () => {
  const data = prefixed(event(...record));

  it("each descriptor is known, wherever a record has one", () => {
    expect(told(new HistoryReader(), data)).toEqual(NAMED);
  });

  it("split anywhere, nothing is lost", () => {
    for (let at = 0; at <= data.length; at += 1)
      expect(told(new HistoryReader(), data.subarray(0, at), data.subarray(at))).toEqual(NAMED);
    expect(told(new HistoryReader(), ...[...data].map((byte) => Buffer.from([byte])))).toEqual(NAMED);
  });

  it("one event after the other is read", () => {
    const logs = (digest: string) => prefixed(event(bytesField(8, descriptor("x", digest))));
    const both = Buffer.concat([logs("sha256:1"), prefixed(NOTHING), logs("sha256:2")]);
    expect(told(new HistoryReader(), both).map(({ digest }) => digest)).toEqual(["sha256:1", "sha256:2"]);
  });

  it("an event that is too large names nothing, and those around it do", () => {
    const logs = bytesField(8, descriptor("x", "sha256:in"));
    const large = (bytes: number) =>
      prefixed(event(logs, bytesField(99, Buffer.alloc(bytes - event(logs).length - 9))));
    const inPieces = (bytes: Buffer, step: number) =>
      Array.from({ length: Math.ceil(bytes.length / step) }, (_, at) => bytes.subarray(at * step, (at + 1) * step));
    const digests = (bytes: Buffer, step: number) =>
      told(new HistoryReader(), ...inPieces(bytes, step)).map(({ digest }) => digest);
    const fits = large(MOST_BYTES);
    expect(fits.length - 5).toBeLessThanOrEqual(MOST_BYTES);
    expect(fits.length - 5).toBeGreaterThan(MOST_BYTES - 16);
    const tooLarge = large(MOST_BYTES + 32);
    const both = [...NAMED, ...NAMED].map(({ digest }) => digest).toSorted();
    for (const step of [7_000, 16_384, 3_000_000]) {
      expect(digests(fits, step)).toEqual(["sha256:in"]);
      expect(digests(Buffer.concat([data, tooLarge, tooLarge, data]), step)).toEqual(both);
    }
  });

  it.each([
    { what: "an event without a record", message: Buffer.concat([tag(1, 0), varint(2)]) },
    { what: "an empty record", message: event() },
    { what: "a record that is cut off", message: event(...record).subarray(0, 3) },
    {
      what: "a kind of field that is not understood",
      message: event(Buffer.concat([tag(8, 3), record[2] ?? NOTHING])),
    },
  ])("$what names nothing", ({ message }) => {
    expect(told(new HistoryReader(), prefixed(message))).toEqual([]);
  });
});

describe("of an index or a manifest", () => {
  const part = (mediaType: string, digest: string) => ({ mediaType, digest, size: 7 });
  const manifest = JSON.stringify({
    schemaVersion: 2,
    config: part(CONFIG, "sha256:config"),
    layers: [
      part("application/vnd.oci.image.layer.v1.tar+gzip", "sha256:layer"),
      { mediaType: MANIFEST },
      "sha256:text",
      null,
    ],
    subject: part(MANIFEST, "sha256:subject"),
    annotations: { digest: "sha256:annotation" },
  });
  /** containerd's ReadContentResponse: where, and what. */
  const piece = (text: string, at = 0) => prefixed(Buffer.concat([tag(1, 0), varint(at), bytesField(2, text)]));
  const digests = (...pieces: readonly Buffer[]) => told(new BlobReader(), ...pieces).map(({ digest }) => digest);

  it("its parts are known, and nothing else that looks like one", () => {
    expect(told(new BlobReader(), piece(manifest))).toEqual([
      { digest: "sha256:config", namesMore: false },
      { digest: "sha256:layer", namesMore: false },
    ]);
  });

  it("those that name more are told apart", () => {
    const manifests = [part(MANIFEST, "sha256:m"), part(INDEX, "sha256:i"), { digest: "sha256:untyped" }];
    expect(told(new BlobReader(), piece(`${JSON.stringify({ manifests })}\n`))).toEqual([
      { digest: "sha256:i", namesMore: true },
      { digest: "sha256:m", namesMore: true },
      { digest: "sha256:untyped", namesMore: false },
    ]);
  });

  it("may come in several messages, and be split anywhere", () => {
    const data = Buffer.concat([
      piece(manifest.slice(0, 60)),
      piece(manifest.slice(60, 61), 60),
      piece(manifest.slice(61), 61),
    ]);
    for (let at = 0; at <= data.length; at += 1)
      expect(digests(data.subarray(0, at), data.subarray(at))).toEqual(["sha256:config", "sha256:layer"]);
  });

  it.each([
    { what: "no JSON", text: `{"layers":[{"digest":"sha256:x"}]` },
    { what: "JSON, but no object", text: `[{"layers":[{"digest":"sha256:x"}]}]` },
    { what: "JSON with something after it", text: `{"layers":[{"digest":"sha256:x"}]} {}` },
    {
      what: "an object whose parts are none",
      text: `{"layers":{"digest":"sha256:x"},"config":"sha256:x","manifests":7}`,
    },
  ])("what is $what names nothing", ({ text }) => {
    expect(digests(piece(text))).toEqual([]);
  });

  it("one that is too large names nothing", () => {
    const filled = (bytes: number) => {
      const text = (filler: string) => JSON.stringify({ filler, layers: [part("x", "sha256:in")] });
      return text("f".repeat(bytes - text("").length));
    };
    const half = (text: string) => [piece(text.slice(0, MOST_BYTES / 2)), piece(text.slice(MOST_BYTES / 2))];
    expect(digests(...half(filled(MOST_BYTES)))).toEqual(["sha256:in"]);
    expect(digests(...half(filled(MOST_BYTES + 1)))).toEqual([]);
  });
});

describe("through a session's guard", () => {
  function session(belongings: Belongings, buildId: string) {
    const refusals: string[] = [];
    const client = new PlainClient();
    const guard = new CallGuard({
      buildId,
      permissions: () => USUAL_PERMISSIONS,
      contextGroup: () => undefined,
      belongings,
      limits: USUAL_FRAME_LIMITS,
      monoMs: () => 0,
      toBuildkit: () => undefined,
      toClient: () => undefined,
      onRefused: (_, because) => refusals.push(because),
    });
    guard.fromClient(BEGIN);
    guard.fromBuildkit(frame(TYPE.settings, 0, 0, Buffer.alloc(0)));
    return {
      /** Whether it was asked of BuildKit, which then answers. */
      ask(path: string, message: Buffer, answer: Buffer = NOTHING): boolean {
        const before = refusals.length;
        guard.fromClient(Buffer.concat([client.head(path), client.data(prefixed(message))]));
        guard.fromBuildkit(frame(TYPE.data, 0, client.stream, answer));
        guard.fromBuildkit(frame(TYPE.headers, FLAG.endHeaders | FLAG.endStream, client.stream, Buffer.from([0x88])));
        return refusals.length === before;
      },
    };
  }
  const read = (digest: string) => [`${CONTENT}Read`, bytesField(1, digest)] as const;
  const json = (value: unknown) => prefixed(bytesField(2, JSON.stringify(value)));

  it("a build reads what its history names and what that consists of, and another build none of it", () => {
    const belongings = new Belongings();
    const one = session(belongings, "one");
    belongings.belongs("one", "ref", OWN.ref, true);
    expect(one.ask(...read("sha256:of-a-result"))).toBe(false);
    expect(one.ask(`${CONTROL}ListenBuildHistory`, bytesField(2, OWN.ref), prefixed(event(...record)))).toBe(true);
    expect(one.ask(...read("sha256:layer"))).toBe(false);
    expect(one.ask(...read("sha256:of-a-result"), json({ layers: [{ digest: "sha256:layer" }] }))).toBe(true);
    expect(one.ask(...read("sha256:layer"))).toBe(true);
    const other = session(belongings, "other");
    for (const digest of ["sha256:of-a-result", "sha256:layer", "sha256:logs"])
      expect(other.ask(...read(digest))).toBe(false);
  });

  it("what a build wrote itself makes nothing its own, though it looks like a manifest", () => {
    const belongings = new Belongings();
    const one = session(belongings, "one");
    belongings.isTold("one", { digest: "sha256:config", namesMore: false });
    expect(one.ask(...read("sha256:config"), json({ layers: [{ digest: "sha256:anothers" }] }))).toBe(true);
    expect(one.ask(...read("sha256:anothers"))).toBe(false);
  });

  it("the probe of buildx for a history names nothing", () => {
    const belongings = new Belongings();
    const one = session(belongings, "one");
    const probe = bytesField(2, "buildx-test-history-api-feature");
    expect(one.ask(`${CONTROL}ListenBuildHistory`, probe, prefixed(event(...record)))).toBe(true);
    expect(one.ask(...read("sha256:logs"))).toBe(false);
  });
});
