import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { connect } from "node:net";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { AgentError } from "../../agent/core/errors.ts";
import { Channel } from "../../agent/wire/channel.ts";
import { listenUnix, type UnixListener } from "../../agent/wire/listener.ts";
import type { Protocol } from "../../agent/wire/protocol.ts";

const TALK: Protocol = { name: "talk", answerer: "the talker", version: 1, lineMaxBytes: 4096 };
const refused = (why: string): AgentError => new AgentError("talk.cannot-listen", why, { retryable: false });

let dir: string;
let listener: UnixListener;
let accepted: Promise<Channel>;
let heard: string[];

beforeEach(async () => {
  dir = await mkdtemp("/tmp/channel-");
  heard = [];
  let accept: (channel: Channel) => void = () => undefined;
  accepted = new Promise((resolve) => (accept = resolve));
  const talk = { path: join(dir, "talk.sock"), mode: 0o600, maxConnections: 1, refused };
  listener = await listenUnix(talk, (socket) => accept(new Channel(socket, TALK, (line) => void heard.push(line))));
});
afterEach(async () => {
  await listener[Symbol.asyncDispose]();
  await rm(dir, { recursive: true, force: true });
});

/** Somebody at the other end, who ends only when the test says so. */
const farEnd = () => connect({ path: join(dir, "talk.sock"), allowHalfOpen: true }).setEncoding("utf8");

it("what waits is sent, and what the other end still sends is heard: nothing breaks under it", async () => {
  const other = farEnd();
  const channel = await accepted;
  let [read, broken]: [string, unknown] = ["", undefined];
  other.on("data", (piece: string) => (read += piece)).on("error", (failure) => (broken = failure));
  channel.send("last words\n");
  const finished = channel.finish(20_000);
  await once(other, "end");
  for (let count = 0; count < 20; count += 1) {
    other.write(`answer ${count}\n`);
    await new Promise((resolve) => setImmediate(resolve));
  }
  other.end();
  await finished;
  expect({ read, broken }).toEqual({ read: "last words\n", broken: undefined });
  expect(heard).toHaveLength(20);
});

it("an other end that never ends is left after the time that it was given", async () => {
  const other = farEnd();
  const channel = await accepted;
  const isLeft = once(other.resume(), "end");
  await channel.finish(50);
  await isLeft;
  other.destroy();
});
