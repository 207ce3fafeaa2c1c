import { expect, it } from "vitest";
import { eventually } from "../journeys/stage/eventually.ts";
import { sharedMachine } from "./stage/shared-machine.ts";

const machine = sharedMachine({ hasWorld: true });
const [BUILDKIT, CONTROL] = ["buildkitd.service", "builder-agent-control.service"] as const;

/** As `nft` tells it, with the numbers that the kernel gives anew with each change. */
function guard(): Promise<string> {
  return machine().container.run("sh", [
    "-c",
    "nft --stateless --terse --handle list ruleset | grep -A200 builder_agent || true",
  ]);
}

async function isolation(): Promise<{
  readonly isolated: boolean;
  readonly findings: readonly { readonly what: string; readonly ok: boolean; readonly got: string }[];
}> {
  return JSON.parse(await machine().container.run("builder-agent", ["doctor", "isolation", "--json"])) as never;
}

it("a step has an address of its own, and the machine to ask for names", async () => {
  const said = await machine().runInStep("cat /etc/resolv.conf; ip -4 -o address; nslookup example.org 2>&1 || true");
  expect(said).toMatch(/^nameserver 198\.18\.224\.1$/m);
  expect(said).not.toContain("127.0.0.53");
  expect(said).toMatch(/inet 198\.18\.2\d\d\.\d+\/20 /);
  expect(said).toContain("NXDOMAIN");
});

it("root sees on demand that builds are isolated, and have names", async () => {
  const { isolated, findings } = await isolation();
  expect(isolated).toBe(true);
  expect(findings.filter(({ what, got }) => what === "names (DNS)" && got === "reached")).not.toEqual([]);
});

it("orders come from control alone, and leave a line only where they changed something", async () => {
  const { container } = machine();
  const socket = await container.run("stat", ["--format=%U %a", "/run/builder-agent/network.sock"]);
  expect(socket.trim()).toBe("builder-control 600");
  const journal = await container.run("journalctl", ["--output=cat", "--unit=builder-agent-network@*"]);
  expect(journal.trim().split("\n")).toEqual([expect.stringContaining("network.in-force")]);
});

it("the machine's own names are as they were", async () => {
  const { container } = machine();
  expect(await container.run("cat", ["/etc/resolv.conf"])).toMatch(/^nameserver 127\.0\.0\.53$/m);
  expect(await container.run("readlink", ["/etc/resolv.conf"])).toContain("stub-resolv.conf");
});

it("a guard that somebody flushed is in force again before BuildKit is", async () => {
  const { container } = machine();
  const before = await guard();
  await container.run("nft", ["flush", "ruleset"]);
  expect(await guard()).toBe("");
  await container.run("systemctl", ["restart", BUILDKIT]);
  expect((await guard()).replaceAll(/ # handle \d+/g, "")).toBe(before.replaceAll(/ # handle \d+/g, ""));
  await machine().readyAgain();
  expect((await isolation()).isolated).toBe(true);
  expect(await machine().runInStep("nslookup example.org 2>&1 || true")).toContain("NXDOMAIN");
});

it("a guard that somebody flushed is in force again within seconds, also while control is away", async () => {
  const { container } = machine();
  const before = await guard();
  await container.run("systemctl", ["stop", CONTROL]);
  const flushedAtMs = Date.now();
  await container.run("nft", ["flush", "ruleset"]);
  await eventually("the guard is back", async () => (await guard()).includes("table inet builder_agent"));
  console.log(`the guard was away for ${Date.now() - flushedAtMs} ms`);
  expect((await guard()).replaceAll(/ # handle \d+/g, "")).toBe(before.replaceAll(/ # handle \d+/g, ""));
  await container.run("systemctl", ["start", CONTROL]);
  await machine().readyAgain();
});

it("neither a restart of BuildKit nor the end of control touches a guard that is in force", async () => {
  const { container } = machine();
  const before = await guard();
  await container.run("systemctl", ["restart", BUILDKIT]);
  await container.run("systemctl", ["kill", "--signal=KILL", "--kill-whom=main", CONTROL]);
  await eventually("control is back", async () => {
    const now = await container.show(CONTROL, "ActiveState", "NRestarts");
    return now.ActiveState === "active" && now.NRestarts === "1";
  });
  await machine().readyAgain();
  expect(await guard()).toBe(before);
});

it("without a guard BuildKit does not start", async () => {
  const { container } = machine();
  await container.run("nft", ["flush", "ruleset"]);
  await container.run("mv", ["/usr/sbin/nft", "/usr/sbin/nft.away"]);
  await expect(container.run("systemctl", ["restart", BUILDKIT])).rejects.toThrow(/failed/);
  const words = await container.run("journalctl", ["--output=cat", `--unit=${BUILDKIT}`, "--lines=20"]);
  expect(words).toContain("install the package nftables");
  await container.run("mv", ["/usr/sbin/nft.away", "/usr/sbin/nft"]);
  await eventually("control has had it started again", async () =>
    (await guard()).includes("table inet builder_agent"),
  );
  await machine().readyAgain();
});
