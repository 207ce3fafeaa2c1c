import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { type AddressInfo, connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { descriptorsOf, lasting, moreOf, tcpWords } from "./descriptors.ts";

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

it("counts no connection that nobody has answered, for it ends by itself", () => {
  const row = (state: string): string =>
    `0: 0100007F:1F90 0200000A:0050 ${state} 00000000:00000000 00:00000000 0 0 0 77`;
  const words = ["01", "02", "0A"].map((state) => tcpWords(row(state).split(" ")));
  expect(words).toEqual(["tcp 8080 with 80", "tcp dials 80", "tcp 8080 listens"]);
  expect(lasting(words)).toEqual(["tcp 8080 with 80", "tcp 8080 listens"]);
});

it("names only what there is more of, each kind once", () => {
  expect(moreOf(["pipe", "pipe", "eventpoll"], ["pipe", "eventpoll", "tcp 80 listens", "tcp 80 listens"])).toBe(
    "2 × tcp 80 listens",
  );
  expect(moreOf(["pipe"], [])).toBe("");
});
