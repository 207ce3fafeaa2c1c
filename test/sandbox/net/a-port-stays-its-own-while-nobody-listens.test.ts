import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { createServer, type Server } from "node:net";
import { expect, it } from "vitest";
import { EmbeddedControlPlane } from "../../../sandbox/control-plane/embedded-control-plane.ts";
import { fixedPort, listenOnFixedPort } from "../../../sandbox/net/fixed-port.ts";

/** Of what the kernel gives to whoever dials or listens without a wish. */
async function isGivenAway(port: number): Promise<boolean> {
  const [least = 0, most = 0] = (await readFile("/proc/sys/net/ipv4/ip_local_port_range", "utf8"))
    .trim()
    .split(/\s+/)
    .map(Number);
  return port >= least && port <= most;
}

async function closed(server: Server): Promise<void> {
  server.close();
  await once(server, "close");
}

it("a control plane that is to listen anywhere takes a port that the kernel gives to nobody, and keeps it", async () => {
  await using plane = await EmbeddedControlPlane.listen();
  const { port } = plane.transport;
  expect(await isGivenAway(port)).toBe(false);
  plane.transport.stopListening();
  await plane.transport.listenAgain();
  expect(plane.transport.port).toBe(port);
});

it("a port is free for who asked, and one that is taken is passed over", async () => {
  const servers = Array.from({ length: 20 }, () => createServer());
  const ports = await Promise.all(servers.map((server) => listenOnFixedPort(server)));
  expect(new Set(ports).size).toBe(ports.length);
  await Promise.all(servers.map(closed));
  const again = createServer().listen(await fixedPort(), "127.0.0.1");
  await once(again, "listening");
  await closed(again);
});

it("an address that is not this machine's is said at once, not tried fifty times", async () => {
  await expect(listenOnFixedPort(createServer(), "192.0.2.1")).rejects.toThrow("EADDRNOTAVAIL");
});
