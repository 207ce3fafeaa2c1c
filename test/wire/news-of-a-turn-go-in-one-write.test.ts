import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it, vi } from "vitest";
import { Channel } from "../../agent/wire/channel.ts";

const TALK = { name: "talk", answerer: "the talker", version: 1, lineMaxBytes: 4096 };
const LINES = ["one\n", "two\n", "three\n"];

it.each([
  { what: "news of one turn go in one write", gathers: true, atOnce: [], later: ["one\ntwo\nthree\n"] },
  {
    what: "an order is written before send returns",
    gathers: false,
    atOnce: ["one\n"],
    later: ["one\n", "two\nthree\n"],
  },
])("$what", async ({ gathers, atOnce, later }) => {
  const dir = await mkdtemp(join(tmpdir(), "talk-"));
  const path = join(dir, "sock");
  const server = createServer((socket) => socket.resume()).listen(path);
  await once(server, "listening");
  const socket = connect(path);
  await once(socket, "connect");
  const write = vi.spyOn(socket, "write");
  const written = (): readonly string[] => write.mock.calls.map(([text]) => String(text));
  const channel = new Channel(socket, TALK, () => undefined, { gathers });
  for (const line of LINES) channel.send(line);
  expect(written()).toEqual(atOnce);
  await channel.finish(20_000);
  expect(written()).toEqual(later);
  server.close();
  await rm(dir, { recursive: true });
});
