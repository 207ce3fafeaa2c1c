import { createHash, randomBytes } from "node:crypto";
import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { expect, it } from "vitest";
import { type Collector, type Document, NotThere } from "../../agent/adapters/bundle/collector.ts";
import { type BundleOptions, type BundleReport, makeBundle } from "../../agent/adapters/bundle/make-bundle.ts";
import { digestsOf } from "../../agent/adapters/bundle/secret-digests.ts";
import { bundleName } from "../../agent/core/bundle/name.ts";
import { folderOfOwn, listed, unpacked } from "./unpacked.ts";

const NAME = bundleName("m-1", Date.UTC(2026, 0, 2, 3, 4, 5), new Uint8Array(8).fill(0xab));
const SECRET = "hunter2-hunter3";

function document(path: string, collect: Document["collect"], more: Partial<Document> = {}): Document {
  return { kind: "document", path, what: path, maxBytes: 1024, collect, ...more };
}

interface Made {
  readonly files: ReadonlyMap<string, string>;
  readonly lines: readonly string[];
  readonly report: BundleReport;
  readonly tookMs: number;
}

async function made(collectors: readonly Collector[], more: Partial<BundleOptions> = {}): Promise<Made> {
  await using folder = await folderOfOwn();
  const key = randomBytes(32);
  const before = performance.now();
  const bundle = makeBundle({
    name: NAME,
    about: { madeBy: "a test" },
    collectors,
    secrets: [{ key, digests: digestsOf(SECRET, key) }],
    nowMs: Date.now,
    signal: new AbortController().signal,
    ...more,
  });
  await writeFile(join(folder.path, "b.tar.gz"), bundle.bytes);
  const tookMs = performance.now() - before;
  const lines = await listed(join(folder.path, "b.tar.gz"));
  return { files: await unpacked(join(folder.path, "b.tar.gz"), folder.path), lines, report: bundle.report(), tookMs };
}

const never = (): Promise<string> => new Promise(() => undefined);

it("what is there is in it, and what is not is told with its reason", async () => {
  const { files, report } = await made([
    document("good.txt", async () => "all is well\n"),
    document("missing.txt", () => Promise.reject(new NotThere("There is no such thing"))),
    document("denied.txt", () => Promise.reject(new Error("Operation not\npermitted"))),
    document("long.txt", async () => "a line\n".repeat(1000)),
    document("tail.txt", async () => `${"a line\n".repeat(1000)}the last\n`, { keeps: "tail" }),
  ]);
  expect(files.get("good.txt")).toBe("all is well\n");
  expect(files.get("errors.txt")?.trim().split("\n").toSorted()).toEqual([
    "denied.txt: could not look: Operation not permitted",
    "long.txt: is cut: is longer: its first 1024 bytes are here",
    "missing.txt: is not there: There is no such thing",
    "tail.txt: is cut: is longer: its last 1024 bytes are here",
  ]);
  expect(files.get("long.txt")).toMatch(/^(a line\n)+$/);
  expect(files.get("tail.txt")).toMatch(/^(a line\n)+the last\n$/);
  expect(files.has("missing.txt")).toBe(false);
  expect(report).toMatchObject({ files: 6, withheld: 0 });
  expect(report.lacks).toHaveLength(4);
});

it("a collector that hangs costs its own 5 s, whatever it does with its signal, and keeps what it had", async () => {
  const { files, tookMs } = await made([
    document("hangs.txt", never),
    document("half.txt", async function* () {
      yield Buffer.from("the first half\nthe sec");
      await never();
    }),
    document("good.txt", async () => "good\n"),
    {
      kind: "pieces",
      path: "logs",
      what: "",
      maxBytes: 1024,
      async *collect() {
        yield { name: "9999.log", bytes: Buffer.from("a line\n") };
        await never();
      },
    },
  ]);
  expect(files.get("good.txt")).toBe("good\n");
  expect(files.get("half.txt")).toBe("the first half\n");
  expect(files.get("logs/9999.log")).toBe("a line\n");
  expect(files.get("errors.txt")).toMatch(/^hangs.txt: could not look: did not end within its 5 s/m);
  expect(files.get("errors.txt")).toMatch(/^logs: is cut: did not end within its 5 s/m);
  expect(tookMs).toBeLessThan(20_000);
});

it("if everything hangs it is whole within its time all the same", async () => {
  const all = Array.from({ length: 40 }, (_, at) => document(`hangs-${at}.txt`, never));
  const { files, tookMs, report } = await made(all, { collectingMs: 1_500 });
  expect(tookMs).toBeLessThan(20_000);
  expect(report.lacks).toHaveLength(40);
  expect([...files.keys()]).toEqual(["errors.txt", "manifest.json", "redactions.json"]);
});

it("the manifest has the marker, and each file's size and digest", async () => {
  const { files } = await made([document("good.txt", async () => "all is well\n")]);
  const manifest: unknown = JSON.parse(files.get("manifest.json") ?? "");
  expect(manifest).toMatchObject({
    ...{ schemaVersion: 1, marker: "BUG-20260102T030405Z-abababababababab", madeBy: "a test" },
    collectors: { "good.txt": { tookMs: expect.any(Number) as number } },
    files: expect.arrayContaining([
      { path: "good.txt", bytes: 12, sha256: createHash("sha256").update("all is well\n").digest("hex") },
    ]) as unknown,
  });
});

it("Debian's tar sees files for their owner alone, in one folder, and nothing else", async () => {
  const pieces: Collector = {
    kind: "pieces",
    path: "logs/journal",
    what: "",
    maxBytes: 1024,
    async *collect() {
      yield { name: "9999.log", bytes: Buffer.from("new\n") };
      yield { name: "9998.log", bytes: Buffer.from("old\n") };
    },
  };
  const { lines } = await made([pieces, document("a/b.txt", async () => "x")]);
  const inFolder = /^-rw------- 0\/0 +\d+ \d{4}-\d\d-\d\d \d\d:\d\d builder-agent-m-1-20260102T030405Z\/[a-z0-9./-]+$/;
  for (const line of lines) expect(line).toMatch(inFolder);
  expect(lines).toHaveLength(6);
});

it.each(["../up.txt", "/abs.txt", "a/../../b", "a//b", ".", "a\nb", ""])(
  "a name that leads elsewhere breaks it: %j",
  async (path) => {
    await expect(made([document(path, async () => "x")])).rejects.toThrow("is no name for a file in an archive");
  },
);

it("a secret is out of every file, and the report says where it was and by which rule", async () => {
  const pieces: Collector = {
    kind: "pieces",
    path: "logs",
    what: "",
    maxBytes: 1024 * 1024,
    async *collect() {
      yield { name: "9999.log", bytes: Buffer.from(`${"x".repeat(300 * 1024)}${SECRET}`) };
    },
  };
  const { files, report } = await made([
    pieces,
    document("a.txt", async () => `${SECRET} ${SECRET}\npassword=other\n`),
    document("failed.txt", () => Promise.reject(new Error(`tool --key ${SECRET} failed`))),
  ]);
  for (const text of files.values()) expect(text).not.toContain(SECRET);
  expect(files.get("logs/9999.log")).toMatch(/^x+\[redacted: value\]$/);
  expect(JSON.parse(files.get("redactions.json") ?? "")).toMatchObject({
    withheld: expect.arrayContaining([
      { path: "logs", rules: { value: 1 } },
      { path: "a.txt", rules: { value: 2, "named-value": 1 } },
      { path: "errors.txt", rules: { value: 1 } },
    ]) as unknown,
  });
  expect(report.withheld).toBe(5);
  expect(report.lacks).toEqual([
    { path: "failed.txt", how: "could not look", because: "tool --key [redacted: value] failed" },
  ]);
});

it("other programs' words are left out where not every secret can be searched for", async () => {
  const { files } = await made(
    [document("log.txt", async () => "words\n", { isFreeText: true }), document("facts.txt", async () => "facts\n")],
    { unsearchable: "The digests cannot be read" },
  );
  expect(files.has("log.txt")).toBe(false);
  expect(files.get("facts.txt")).toBe("facts\n");
  expect(files.get("errors.txt")).toBe("log.txt: left out: The digests cannot be read\n");
});

it("ends with its reader, and its collectors end as well", async () => {
  const ended = new AbortController();
  const stop = new AbortController();
  const endless = document(
    "endless.txt",
    async function* (signal) {
      for (; !signal.aborted; await sleep(1)) yield Buffer.from("x");
      ended.abort();
    },
    { maxBytes: 1024 * 1024 },
  );
  const { bytes } = makeBundle({
    name: NAME,
    about: {},
    collectors: [endless],
    secrets: [],
    nowMs: Date.now,
    signal: stop.signal,
  });
  bytes.resume();
  const failed = once(bytes, "error");
  stop.abort();
  await failed;
  await expect.poll(() => ended.signal.aborted).toBe(true);
});
