import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";
import { NetworkNamespace } from "../../sandbox/net/namespace.ts";
import { needsNamespaces } from "../sandbox/net/whether.ts";

const OWN_ADDRESS = fileURLToPath(new URL("../../dist/agent/adapters/grpc/own-address.js", import.meta.url));
const SCRIPT = `
  import { ownAddress } from ${JSON.stringify(OWN_ADDRESS)};
  process.stdout.write(String(await ownAddress("203.0.113.10", 443)));`;

needsNamespaces();

it("a link that loses its address for a moment, with its routes or without, does not count as another address of this machine", async () => {
  await using machine = await NetworkNamespace.make({ name: "machine" });
  const ip = (...words: string[]) => machine.run("ip", words);
  const leavesFrom = () => machine.run(process.execPath, ["--input-type=module", "-e", SCRIPT]);

  await ip("link", "add", "uplink0", "type", "veth", "peer", "name", "router0");
  await ip("link", "set", "router0", "up");
  await ip("link", "set", "uplink0", "up");
  await ip("address", "add", "192.0.2.2/24", "dev", "uplink0");
  await ip("route", "add", "default", "via", "192.0.2.1");
  expect(await leavesFrom()).toBe("192.0.2.2");

  await ip("address", "flush", "dev", "uplink0");
  expect(await leavesFrom()).toBe("undefined");

  await ip("route", "add", "default", "dev", "uplink0");
  expect(await leavesFrom()).toBe("undefined");

  await ip("link", "set", "uplink0", "down");
  expect(await leavesFrom()).toBe("undefined");

  await ip("link", "set", "uplink0", "up");
  await ip("address", "add", "192.0.2.77/24", "dev", "uplink0");
  await ip("route", "add", "default", "via", "192.0.2.1");
  expect(await leavesFrom()).toBe("192.0.2.77");
});
