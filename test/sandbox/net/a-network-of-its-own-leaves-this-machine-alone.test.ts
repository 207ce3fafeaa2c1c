import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { networkOf } from "../../../sandbox/net/inhabitants.ts";
import { NetworkNamespace } from "../../../sandbox/net/namespace.ts";
import { connect } from "../../../sandbox/net/veth.ts";
import { Listener, seenAs } from "./exchange.ts";
import { changedSince, thisMachine } from "./this-machine.ts";
import { needsNamespaces } from "./whether.ts";

needsNamespaces();

/** A process in there that lives until it is killed. */
function dweller(namespace: NetworkNamespace) {
  const { command, args } = namespace.enter("sleep", ["1000"]);
  return spawn(command, args, { stdio: "ignore" });
}

describe("a network namespace of the sandbox", () => {
  it("has a loopback that is up, and nothing else", async () => {
    await using namespace = await NetworkNamespace.make();
    expect(await namespace.run("ip", ["-brief", "link"])).toMatch(/^lo +UNKNOWN .*UP.*\n$/);
    expect(await namespace.run("ip", ["route", "show", "table", "main"])).toBe("");
    expect(await namespace.run("nft", ["list", "ruleset"])).toBe("");
  });

  it("is joined with another by a cable, in both families, with no word of it on this machine", async () => {
    const before = await thisMachine();
    {
      await using left = await NetworkNamespace.make({ name: "left" });
      await using right = await NetworkNamespace.make({ name: "right" });
      await connect(
        { place: left, link: "cable0", addresses: ["192.0.2.1/30", "2001:db8::1/64"] },
        {
          place: right,
          link: "cable0",
          addresses: ["192.0.2.2/30", "2001:db8::2/64"],
          routes: [
            { to: "default", via: "192.0.2.1" },
            { to: "default", via: "2001:db8::1" },
            { to: "198.51.100.0/24", via: "192.0.2.1" },
          ],
        },
      );
      await left.run("ip", ["address", "add", "198.51.100.7/32", "dev", "lo"]);
      await left.run("nft", ["add", "table", "inet", "somebody"]);
      for (const target of ["192.0.2.1", "2001:db8::1", "198.51.100.7"])
        expect(await right.run("ip", ["route", "get", target])).toContain("cable0");
      for (const [target, source] of [
        ["198.51.100.7", "192.0.2.2"],
        ["2001:db8::1", "2001:db8::2"],
      ] as const) {
        const listener = await Listener.at(left, target, 7);
        expect(await seenAs(right, target, 7)).toBe(source);
        await listener[Symbol.asyncDispose]();
      }
      expect(await changedSince(before)).toEqual([]);
    }
    expect(await changedSince(before)).toEqual([]);
  });

  it("has a resolver of its own for who is in it, and follows its file; this machine keeps its own", async () => {
    const dir = await mkdtemp(join(tmpdir(), "netns-"));
    const file = join(dir, "resolv.conf");
    const ours = await readFile("/etc/resolv.conf", "utf8");
    try {
      await writeFile(file, "nameserver 192.0.2.53\n");
      await using namespace = await NetworkNamespace.make({ resolvConfFile: file });
      expect(await namespace.run("cat", ["/etc/resolv.conf"])).toBe("nameserver 192.0.2.53\n");
      await writeFile(file, "nameserver 192.0.2.54\n");
      expect(await namespace.run("cat", ["/etc/resolv.conf"])).toBe("nameserver 192.0.2.54\n");
      // What is mounted in there stays in there.
      await namespace.run("mount", ["-t", "tmpfs", "none", dir]);
      expect(await readFile(file, "utf8")).toBe("nameserver 192.0.2.54\n");
      expect(await readFile("/etc/resolv.conf", "utf8")).toBe(ours);
    } finally {
      await rm(dir, { recursive: true });
    }
  });

  it("names and ends whoever was left in it", async () => {
    const namespace = await NetworkNamespace.make({ name: "busy" });
    const left = dweller(namespace);
    await once(left, "spawn");
    await expect.poll(() => networkOf(left.pid ?? 0)).toBe(await networkOf(namespace.pid));
    await expect(namespace[Symbol.asyncDispose]()).rejects.toThrow(/left in the network busy.*sleep 1000/s);
    if (left.signalCode === null) await once(left, "exit");
    expect(left.signalCode).toBe("SIGKILL");
  });

  it("tells what a command in it complained of, and does not wait for one that hangs", async () => {
    await using namespace = await NetworkNamespace.make();
    await expect(namespace.run("ip", ["link", "show", "nobody"])).rejects.toThrow(/nobody/);
    await expect(namespace.run("sleep", ["1000"], { deadlineMs: 50 })).rejects.toThrow("did not end within 50 ms");
    await expect(namespace.run("no-such-program", [])).rejects.toThrow("no-such-program");
    await expect(namespace.run("sleep", ["1000"], { signal: AbortSignal.abort(new Error("enough")) })).rejects.toThrow(
      "enough",
    );
  });

  it("is gone when who made it is killed", async () => {
    const program = `
      import { NetworkNamespace } from ${JSON.stringify(new URL("../../../dist/sandbox/net/namespace.js", import.meta.url).href)};
      const { pid } = await NetworkNamespace.make();
      console.log(pid);
      await new Promise(() => setInterval(() => undefined, 1000));`;
    const maker = spawn(process.execPath, ["--input-type=module", "-e", program], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    const [line] = (await once(maker.stdout, "data")) as [Buffer];
    const holder = Number(line.toString());
    expect(await networkOf(holder)).toContain("net:");
    maker.kill("SIGKILL");
    await expect.poll(() => networkOf(holder)).toBeUndefined();
  });
});
