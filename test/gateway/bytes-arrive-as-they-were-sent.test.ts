import { createHash, randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import * as fc from "fast-check";
import { afterAll, beforeAll, expect, it } from "vitest";
import { nodeOwnBuffers } from "../../agent/adapters/own-buffers/node-own-buffers.ts";
import type { OwnBuffers } from "../../agent/ports/own-buffers.ts";
import type { CertificateWithKey } from "../../sandbox/pki/certificate-authority.ts";
import { Rig } from "./rig.ts";

const SESSIONS = 60;
const WAYS: readonly { readonly way: string; readonly buffers: OwnBuffers; readonly copied: number }[] = [
  { way: "into buffers of ours, as this Node lets us", buffers: nodeOwnBuffers(), copied: 0 },
  { way: "as a Node tells them that offers no more", buffers: { read: () => false }, copied: SESSIONS },
];

let rig: Rig;
let certificate: CertificateWithKey;
/** What stands behind the gateway for the next connection. */
let serve: (socket: Socket) => void = () => undefined;

beforeAll(async () => {
  rig = await Rig.start({ serve: (socket) => serve(socket) });
  certificate = await rig.open();
});
afterAll(() => rig[Symbol.asyncDispose]());

/**
 * Writes `sizes` bytes of one long random string, awaiting nothing, then ends its side if asked;
 * gives the digest of all.
 */
function say(to: Duplex, sizes: readonly number[], end: boolean): string {
  const digest = createHash("sha256");
  for (const size of sizes) {
    const chunk = randomBytes(size);
    digest.update(chunk);
    to.write(chunk);
  }
  if (end) to.end();
  return digest.digest("hex");
}

/**
 * The digest of all that comes until the far side ends. (Not by `for await`, which would destroy
 * the stream at its end.)
 */
function hear(from: Duplex): Promise<string> {
  const digest = createHash("sha256");
  from.on("data", (chunk: Buffer) => digest.update(chunk));
  return new Promise((resolve, reject) => {
    from
      .once("end", () => resolve(digest.digest("hex")))
      .once("close", () => reject(new Error("closed without an end")));
  });
}

const chunks = fc.array(
  fc.oneof(
    fc.integer({ min: 1, max: 40 }),
    fc.integer({ min: 4_000, max: 4_200 }),
    fc.integer({ min: 1, max: 200_000 }),
  ),
  { maxLength: 12 },
);

it.each(WAYS)(
  "read $way, in both directions at once, however they are cut up, and each side may end first",
  async ({ buffers, copied }) => {
    await using rig = await Rig.start({ serve: (socket) => serve(socket), buffers });
    const certificate = await rig.open();
    await fc.assert(
      fc.asyncProperty(chunks, chunks, fc.boolean(), async (up, down, clientEndsFirst) => {
        const far = new Promise<{ heard: string; said: string }>((resolve, reject) => {
          serve = (socket) => {
            const heard = hear(socket);
            // The side that ends second says everything only after it has heard the other's end: a
            // half-closed connection must carry it.
            const said = clientEndsFirst
              ? heard.then(() => say(socket, down, true))
              : Promise.resolve(say(socket, down, true));
            Promise.all([heard, said]).then(([h, s]) => resolve({ heard: h, said: s }), reject);
          };
        });
        const client = rig.connect(certificate, { halfOpen: true });
        await new Promise((resolve) => client.once("secureConnect", resolve));
        const heard = hear(client);
        const said = clientEndsFirst ? say(client, up, true) : heard.then(() => say(client, up, true));
        const theirs = await far;
        expect(theirs.heard).toBe(await said);
        expect(await heard).toBe(theirs.said);
      }),
      { numRuns: SESSIONS },
    );
    const { stats } = await rig.eventOf("stats", (event) => event.stats.accepted === SESSIONS);
    expect(stats.copiedSessions).toBe(copied);
  },
);

it("counts them in the record", async () => {
  serve = (socket) => {
    socket.resume();
    socket.end(randomBytes(70_000));
  };
  const client = rig.connect(certificate, { halfOpen: true });
  await new Promise((resolve) => client.once("secureConnect", resolve));
  const port = client.localPort;
  client.write(randomBytes(123_456));
  client.end();
  client.resume();
  const { summary } = await rig.eventOf("closed", (event) => event.summary.peer.endsWith(`:${port}`));
  expect(summary).toMatchObject({ bytesFromClient: 123_456, bytesToClient: 70_000 });
  expect(["client-closed", "buildkit-closed"]).toContain(summary.ending);
});

const MIB = 1024 * 1024;

/** As much as the kernel may hold of what was sent on one TCP connection. */
const sendBufferBytes = Number(readFileSync("/proc/sys/net/ipv4/tcp_wmem", "utf8").trim().split(/\s+/).at(-1));

it.each([
  { direction: "towards BuildKit", slow: "far" as const, write: writeAll, mostBytes: 2 * MIB },
  { direction: "towards the client", slow: "client" as const, write: writeAll, mostBytes: sendBufferBytes + 2 * MIB },
  {
    direction: "towards the client, in small messages",
    slow: "client" as const,
    write: murmur,
    mostBytes: sendBufferBytes + 2 * MIB,
  },
])("holds no more than little of what a slow reader has not taken: $direction", async ({ slow, write, mostBytes }) => {
  const offered = 24 * MIB;
  const far = new Promise<Socket>((resolve) => {
    serve = resolve;
  });
  const client = rig.connect(certificate);
  client.pause();
  const socket = await far;
  socket.pause();
  const writer = slow === "far" ? client : socket;
  const reader = slow === "far" ? socket : client;
  const expected = write(writer, offered);
  // Until nothing moves any more: the kernel's buffers are full, and so is ours.
  const stuckAt = await settled(() =>
    rig.events.all.flatMap((event) => (event.is === "stats" ? event.stats.progress : [])).at(-1),
  );
  expect(stuckAt).toBeLessThan(mostBytes);
  expect(await take(reader, offered)).toBe(await expected);
  client.destroy();
  socket.destroy();
});

it("messages to a client that does not read do not run into each other", async () => {
  const offered = 24 * MIB;
  const far = new Promise<Socket>((resolve) => {
    serve = resolve;
  });
  const client = rig.connect(certificate);
  client.pause();
  const socket = await far;
  const expected = trickle(socket, offered);
  await settled(() => rig.events.all.flatMap((event) => (event.is === "stats" ? event.stats.progress : [])).at(-1));
  expect(await take(client, offered)).toBe(await expected);
  socket.destroy();
});

/**
 * Messages of 1 to 4 KB and now and then of 30, each different, one in a turn of the event loop.
 */
async function trickle(to: Duplex, bytes: number): Promise<string> {
  const digest = createHash("sha256");
  for (let left = bytes; left > 0; ) {
    const message = randomBytes(Math.min(left, left % 7 === 0 ? 30_000 : 1_000 + (left % 3_000)));
    digest.update(message);
    left -= message.length;
    if (!to.write(message)) await new Promise((resolve) => to.once("drain", resolve));
    await new Promise(setImmediate);
  }
  return digest.digest("hex");
}

/** Messages of 3 KB, one in a turn of the event loop: each is read, and copied, alone. */
async function murmur(to: Duplex, bytes: number): Promise<string> {
  const digest = createHash("sha256");
  for (let left = bytes; left > 0; ) {
    const message = randomBytes(Math.min(left, 3_000));
    digest.update(message);
    left -= message.length;
    if (!to.write(message)) await new Promise((resolve) => to.once("drain", resolve));
    await new Promise(setImmediate);
  }
  return digest.digest("hex");
}

/** With back-pressure; gives the digest. */
async function writeAll(to: Duplex, bytes: number): Promise<string> {
  const digest = createHash("sha256");
  const chunk = randomBytes(1024 * 1024);
  for (let sent = 0; sent < bytes; sent += chunk.length) {
    digest.update(chunk);
    if (!to.write(chunk)) await new Promise((resolve) => to.once("drain", resolve));
  }
  return digest.digest("hex");
}

async function take(from: Duplex, bytes: number): Promise<string> {
  const digest = createHash("sha256");
  let left = bytes;
  for await (const chunk of from) {
    digest.update(chunk as Buffer);
    left -= (chunk as Buffer).length;
    if (left === 0) break;
  }
  return digest.digest("hex");
}

/** A gateway that carries anything says so within this. */
const TOLD_WITHIN_MS = 3_000;

/** Bytes that the gateway has carried, once it carries no more. */
async function settled(last: () => readonly [string, number, number] | undefined): Promise<number> {
  for (let before = -1; ; ) {
    await sleep(TOLD_WITHIN_MS);
    const [, up = 0, down = 0] = last() ?? [];
    if (up + down === before && before > 0) return before;
    before = up + down;
  }
}
