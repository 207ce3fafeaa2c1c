import { mkdtemp, rm } from "node:fs/promises";
import { createServer, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { Ahead } from "../../agent/wire/ahead.ts";
import { eventually } from "../journeys/stage/eventually.ts";

let dir: string;
let server: Server;
const accepted: Socket[] = [];
const path = (): string => join(dir, "s");

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "ahead-"));
  accepted.length = 0;
  server = createServer({ allowHalfOpen: true }, (socket) => {
    socket.on("error", () => undefined).resume();
    accepted.push(socket);
  });
  await new Promise<void>((resolve) => server.listen(path(), resolve));
});

afterEach(async () => {
  for (const socket of accepted) socket.destroy();
  server.close();
  await rm(dir, { recursive: true });
});

const count = (wanted: number) => eventually(`${wanted} connections`, () => accepted.length === wanted);

it("is accepted before there is anything to ask, and carries the next request", async () => {
  const ahead = new Ahead(path());
  ahead.open();
  ahead.open();
  await count(1);
  const socket = ahead.take();
  socket.write("asked");
  const [first] = accepted;
  expect(await new Promise((resolve) => first?.once("data", (piece) => resolve(String(piece))))).toBe("asked");
  first?.end("answered");
  expect(await new Promise((resolve) => socket.once("data", (piece) => resolve(String(piece))))).toBe("answered");
  expect(accepted).toHaveLength(1);
  const next = ahead.take();
  await count(2);
  next.destroy();
});

it.each<[string, (socket: Socket) => void]>([
  ["ends it", (socket) => socket.end()],
  ["breaks it", (socket) => socket.destroy()],
])("is a new one where the other end %s before there was a request", async (_, spoil) => {
  const ahead = new Ahead(path());
  ahead.open();
  await count(1);
  const closed = new Promise((resolve) => accepted[0]?.once("close", resolve));
  if (accepted[0] !== undefined) spoil(accepted[0]);
  await closed;
  const socket = ahead.take();
  await count(2);
  socket.destroy();
});

it("is a new one where nobody listened yet", async () => {
  const ahead = new Ahead(`${path()}-later`);
  ahead.open();
  const socket = ahead.take();
  await expect(new Promise((_, reject) => socket.once("error", reject))).rejects.toMatchObject({ code: "ENOENT" });
});
