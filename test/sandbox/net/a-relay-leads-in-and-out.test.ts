import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { NetworkNamespace } from "../../../sandbox/net/namespace.ts";
import { Forward } from "../../../sandbox/net/relay/forward.ts";
import { Relay } from "../../../sandbox/net/relay/relay.ts";
import { needsNamespaces } from "./whether.ts";

needsNamespaces();

let dir = "";
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "relay-"));
});
afterEach(() => rm(dir, { recursive: true }));

async function listening(server: Server): Promise<number> {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return (server.address() as AddressInfo).port;
}

/** All that comes, to the end of that direction; the other one stays open. */
async function whole(socket: Socket): Promise<Buffer> {
  const chunks: Buffer[] = [];
  socket.on("data", (chunk: Buffer) => chunks.push(chunk));
  await once(socket, "end");
  return Buffer.concat(chunks);
}

describe("a relay", () => {
  it("offers a port of this machine's loopback in a namespace that has no link to it, and no other", async () => {
    const server = createServer((socket) => socket.end("from outside"));
    const other = createServer((socket) => socket.end("not offered"));
    const [port, secret] = [await listening(server), await listening(other)];
    await using namespace = await NetworkNamespace.make();
    await using relay = await Relay.start({ namespace, dir, offered: [port], reached: 0 });
    const ask = (number: number): Promise<string> =>
      namespace.run(process.execPath, ["-e", `require("net").connect(${number}, "127.0.0.1").pipe(process.stdout)`]);
    expect(await ask(port)).toBe("from outside");
    await expect(ask(secret)).rejects.toThrow("ECONNREFUSED");
    await expect.poll(() => relay.connections).toBe(0);
    server.close();
    other.close();
  });

  it("reaches a port of the namespace's loopback, under the same number", async () => {
    await using namespace = await NetworkNamespace.make();
    await using relay = await Relay.start({ namespace, dir, offered: [], reached: 2 });
    const [port = 0, idle = 0] = relay.reached;
    const serve = `require("net").createServer((s) => { s.end("from inside"); s.on("close", () => process.exit()) }).listen(${port}, "127.0.0.1")`;
    const served = namespace.run(process.execPath, ["-e", serve]);
    await expect.poll(() => text(connect(port, "127.0.0.1")).catch(() => "")).toBe("from inside");
    await served;
    // Nobody listens there: it ends, rather than hangs.
    expect(await text(connect(idle, "127.0.0.1")).catch(() => "")).toBe("");
    await expect.poll(() => relay.connections).toBe(0);
  });
});

describe("a forward", () => {
  it("carries a direction to its end after the other one has ended, whole", async () => {
    const sent = randomBytes(3_000_000);
    const server = createServer({ allowHalfOpen: true }, (socket) => void whole(socket).then((all) => socket.end(all)));
    const port = await listening(server);
    await using forward = await Forward.listen({ host: "127.0.0.1", port: 0 }, { host: "127.0.0.1", port });
    const socket = connect({ port: forward.port, host: "127.0.0.1", allowHalfOpen: true });
    socket.end(sent);
    expect((await whole(socket)).equals(sent)).toBe(true);
    await expect.poll(() => forward.connections).toBe(0);
    server.close();
  });

  it.each(["the near side", "the far side"])("breaks the other side when %s breaks", async (which) => {
    const server = createServer();
    const port = await listening(server);
    await using forward = await Forward.listen({ host: "127.0.0.1", port: 0 }, { host: "127.0.0.1", port });
    const accepted = once(server, "connection");
    const near = connect(forward.port, "127.0.0.1");
    const [far] = (await accepted) as [ReturnType<typeof connect>];
    const [breaks, hears] = which === "the near side" ? [near, far] : [far, near];
    const heard = new Promise((resolve) => hears.once("close", resolve));
    hears.on("error", () => undefined).resume();
    breaks.resetAndDestroy();
    await heard;
    await expect.poll(() => forward.connections).toBe(0);
    server.close();
  });

  it("cuts what is open at its end", async () => {
    const server = createServer();
    const port = await listening(server);
    const forward = await Forward.listen({ host: "127.0.0.1", port: 0 }, { host: "127.0.0.1", port });
    const accepted = once(server, "connection");
    const near = connect(forward.port, "127.0.0.1");
    near.on("error", () => undefined).resume();
    await accepted;
    const closed = new Promise((resolve) => near.once("close", resolve));
    await forward[Symbol.asyncDispose]();
    await closed;
    server.close();
  });
});
