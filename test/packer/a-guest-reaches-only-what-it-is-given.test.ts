import { join } from "node:path";
import { array, assert, integer, property, record } from "fast-check";
import { describe, expect, it } from "vitest";
import { TempDir } from "../../sandbox/stack/temp-dir.ts";
import { places } from "../../tools/image/disk/places.mjs";
import { agentUserData } from "../../tools/image/guest/agent-user-data.mjs";
import { qemuCommand } from "../../tools/image/guest/qemu-command.mjs";
import { makeSeed } from "../../tools/image/guest/seed.mjs";
import { command } from "./command.ts";

const GUEST = { disk: "root.qcow2", serialFile: "console.log", qmpSocket: "qmp.sock" };
const port = integer({ min: 1, max: 65_535 });

const network = (args: readonly string[]): string => args[args.indexOf("-netdev") + 1] ?? "";

it("is on a network of its own, whatever is forwarded to it, and is reached from this machine only", () => {
  assert(
    property(array(record({ hostPort: port, guestPort: port })), (forwards) => {
      const parts = network(qemuCommand({ ...GUEST, forwards })).split(",");
      expect(parts.slice(0, 3)).toEqual(["user", "id=net", "restrict=on"]);
      expect(parts.slice(3).every((part) => part.startsWith("hostfwd=tcp:127.0.0.1:"))).toBe(true);
      expect(parts).toHaveLength(3 + forwards.length);
    }),
  );
});

it("reaches the one port of this machine's loopback that it is given", () => {
  const reaches = [{ guestAddress: "10.0.2.100", guestPort: 443, hostPort: 7443, busybox: "/usr/bin/busybox" }];
  expect(network(qemuCommand({ ...GUEST, reaches }))).toBe(
    "user,id=net,restrict=on,guestfwd=tcp:10.0.2.100:443-cmd:/usr/bin/busybox nc 127.0.0.1 7443",
  );
});

it.each([
  { accelerator: undefined, given: ["tcg,thread=multi,tb-size=512", "max"] },
  { accelerator: "kvm" as const, given: ["kvm", "host"] },
])("is emulated unless somebody asks for KVM ($accelerator)", ({ accelerator, given }) => {
  const args = qemuCommand(accelerator === undefined ? GUEST : { ...GUEST, accelerator });
  expect([args[args.indexOf("-accel") + 1], args[args.indexOf("-cpu") + 1]]).toEqual(given);
});

it("gets its configuration last: its being there starts the agent", () => {
  const data = agentUserData({ config: "c", controlPlaneCa: "ca", joinToken: "token" });
  const files = data["write_files"] as readonly { path: string; permissions: string }[];
  expect(files.map(({ path, permissions }) => [path, permissions])).toEqual([
    ["/etc/builder-agent/control-plane-ca.pem", "0644"],
    ["/etc/credstore/join-token", "0600"],
    ["/etc/builder-agent/config.toml", "0644"],
  ]);
  expect(data["runcmd"]).toBeUndefined();
});

it("lets nobody in by ssh unless a key is given", () => {
  const given = { config: "c", controlPlaneCa: "ca" };
  expect(agentUserData(given)["users"]).toEqual([]);
  expect(JSON.stringify(agentUserData({ ...given, sshPublicKey: "ssh-ed25519 AAAA me" }))).toContain(
    "ssh-ed25519 AAAA me",
  );
});

describe("a seed", () => {
  it("is a disk that cloud-init knows, and says just what it was given", async () => {
    await using dir = await TempDir.make("/tmp/seed-");
    const target = join(dir.path, "seed.iso");
    await makeSeed({ target, userData: { hostname: "builder" }, instanceId: "first" });
    expect((await command("isoinfo", ["-d", "-i", target])).stdout).toMatch(/^Volume id: cidata$/m);
    const read = async (name: string) => (await command("isoinfo", ["-R", "-i", target, "-x", `/${name}`])).stdout;
    expect(await read("user-data")).toBe('#cloud-config\n{"hostname":"builder"}\n');
    expect(JSON.parse(await read("meta-data"))).toEqual({ "instance-id": "first", "local-hostname": "builder" });
  });
});

it("has a disk whose parts do not lie on each other", () => {
  const { bios, efi, root, diskBytes } = places;
  expect(bios.startBytes + bios.sizeBytes).toBeLessThanOrEqual(efi.startBytes);
  expect(efi.startBytes + efi.sizeBytes).toBeLessThanOrEqual(root.startBytes);
  expect(root.startBytes + root.sizeBytes).toBeLessThan(diskBytes);
});
