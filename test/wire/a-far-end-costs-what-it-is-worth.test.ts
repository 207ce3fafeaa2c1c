import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { connect, createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Duplex } from "node:stream";
import { describe, expect, it } from "vitest";
import { ReadingPace } from "../../agent/core/reading-pace.ts";
import { Channel } from "../../agent/wire/channel.ts";
import { Lines, objectOf } from "../../agent/wire/lines.ts";

const BYTES = 300_000;

describe("a line", () => {
  it("that comes a byte at a time costs what its bytes cost", () => {
    const lines = new Lines(16 * 1024 * 1024);
    const byte = Buffer.from("x");
    const before = process.memoryUsage().heapUsed;
    for (let at = 0; at < BYTES; at += 1) lines.push(Buffer.from(byte)).next();
    expect(process.memoryUsage().heapUsed - before).toBeLessThan(16 * 1024 * 1024);
    const [whole] = [...lines.push(Buffer.from("\n"))];
    expect(whole).toHaveLength(BYTES);
  });

  it.each([
    { what: "empty objects", piece: "{}," },
    { what: "empty lists", piece: "[]," },
    { what: "numbers", piece: "0," },
  ])("of more $what than any message has is none, and is not made into them", ({ piece }) => {
    expect(objectOf(`{"all":[${piece.repeat(1_000_000)}0]}`)).toBeUndefined();
    expect(objectOf(`{"all":[${piece.repeat(10_000)}0]}`)).toHaveProperty("all");
  });
});

it("lines are read in turns, so that other work comes between those of one read", async () => {
  const dir = await mkdtemp(join(tmpdir(), "turns-"));
  const server = createServer((socket) => socket.write("{}\n".repeat(5_000)));
  await once(server.listen(join(dir, "talk.sock")), "listening");
  const protocol = { name: "talk", answerer: "the talker", version: 1, lineMaxBytes: 4_096 };
  const heard: string[] = [];
  let [turns, inARow, mostInARow] = [0, 0, 0];
  const channel = new Channel(connect(join(dir, "talk.sock")), protocol, (line) => {
    heard.push(line);
    mostInARow = Math.max(mostInARow, (inARow += 1));
  });
  while (heard.length < 5_000) {
    await new Promise((resolve) => setImmediate(resolve));
    inARow = 0;
    turns += 1;
  }
  expect(turns).toBeGreaterThan(5_000 / 16);
  expect(mostInARow).toBeLessThanOrEqual(32);
  channel.drop();
  await new Promise((resolve) => server.close(resolve));
  await rm(dir, { recursive: true });
});

it("lines of several reads of one turn of the loop are taken in their order, however many each brings", async () => {
  const socket = new Duplex({ read: () => undefined, write: (_chunk, _encoding, done) => done() });
  const protocol = { name: "talk", answerer: "the talker", version: 1, lineMaxBytes: 4_096 };
  const heard: number[] = [];
  // A channel asks of its socket no more than any stream has.
  const channel = new Channel(socket as Socket, protocol, (line) => heard.push(Number(line)), {
    paced: { pace: new ReadingPace() },
  });
  let said = 0;
  for (const lines of [1, 20, 1, 3, 20]) socket.push(Array.from({ length: lines }, () => `${(said += 1)}\n`).join(""));
  await expect.poll(() => heard.length).toBe(said);
  expect(heard).toEqual(Array.from({ length: said }, (_, at) => at + 1));
  channel.drop();
});

describe("the time that a neighbour's lines may take", () => {
  it("is some seconds at once, and then a quarter", () => {
    const pace = new ReadingPace();
    let [nowMs, spentMs] = [0, 0];
    while (nowMs < 60_000) {
      spentMs += 50;
      nowMs += 50 + pace.pauseMs(50, nowMs + 50);
    }
    expect(spentMs / nowMs).toBeGreaterThan(0.25);
    expect(spentMs / nowMs).toBeLessThan(0.36);
  });

  it("is there again after a rest, and no pause is as long as a silence that counts", () => {
    const pace = new ReadingPace();
    expect(pace.pauseMs(1_000_000, 0)).toBe(3_000);
    expect(pace.pauseMs(1, 60_000)).toBe(0);
  });
});
