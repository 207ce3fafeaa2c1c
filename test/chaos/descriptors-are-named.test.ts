import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { type AddressInfo, connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { descriptorsOf, moreOf } from "./descriptors.ts";

it("says of a leak what leaked: which socket, with whom", async () => {
  const dir = await mkdtemp(join(tmpdir(), "descriptors-"));
  const before = await descriptorsOf(process.pid);
  const [tcp, unix] = [createServer(), createServer()];
  tcp.listen(0, "127.0.0.1");
  unix.listen(join(dir, "x.sock"));
  await Promise.all([once(tcp, "listening"), once(unix, "listening")]);
  const { port } = tcp.address() as AddressInfo;
  const accepted = once(tcp, "connection");
  const client = connect(port, "127.0.0.1");
  await Promise.all([once(client, "connect"), accepted]);
  try {
    const more = moreOf(before, await descriptorsOf(process.pid)).split(", ");
    expect(more).toEqual(
      expect.arrayContaining([
        `1 × tcp ${port} listens`,
        `1 × tcp ${port} with ${client.localPort}`,
        `1 × tcp ${client.localPort} with ${port}`,
        `1 × unix ${join(dir, "x.sock")}`,
      ]),
    );
  } finally {
    client.destroy();
    tcp.close();
    unix.close();
    await rm(dir, { recursive: true });
  }
});

it("names only what there is more of, each kind once", () => {
  expect(moreOf(["pipe", "pipe", "eventpoll"], ["pipe", "eventpoll", "tcp 80 listens", "tcp 80 listens"])).toBe(
    "2 × tcp 80 listens",
  );
  expect(moreOf(["pipe"], [])).toBe("");
});
