import { copyFile, mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { execa } from "execa";
import { describe, expect, it } from "vitest";
import { needsStage, toolPath } from "../journeys/stage/whether.ts";
import { World } from "../network/stage/world.ts";
import { needsNamespaces } from "./net/whether.ts";
import { eventually, sandbox, type Ticket } from "./real-sandbox.ts";

needsStage();
needsNamespaces();

const SANDBOX = fileURLToPath(new URL("../../dist/sandbox/main.js", import.meta.url));
const BUILDCTL = toolPath("buildctl") ?? "buildctl";
/**
 * Somewhere on the internet: of documentation (RFC 5737, 3849). In a world in which everybody
 * answers.
 */
const OUTSIDE = ["198.51.100.7", "2001:db8:ffff::1"];
/** Metadata, the machine's router, the machine. */
const FORBIDDEN = ["169.254.169.254", "10.20.0.1", "10.20.0.2"];

/**
 * A sandbox on a machine of our own making, which has the world around it; the test's own machine
 * has no part in it.
 */
async function upOn(world: World, ...options: readonly string[]) {
  const dir = join(world.dir, "sandbox");
  const { command, args } = world.vm.enter(process.execPath, [
    ...[SANDBOX, "up", "--listen", "127.0.0.1:0", "--dir", dir],
    ...options,
  ]);
  const up = execa(command, args, { reject: false, env: { NO_COLOR: "1" } });
  const failed = up.then(({ exitCode, stderr }) => {
    throw new Error(`The sandbox ended with ${exitCode}: ${stderr}`);
  });
  const ready = eventually("ready.json", () => readFile(join(dir, "ready.json"), "utf8").catch(() => undefined));
  await Promise.race([ready, failed]);
  failed.catch(() => undefined);
  return { dir, up };
}

/** What a step says that runs this, in a build that is let in by the sandbox. */
async function step(world: World, dir: string, script: string): Promise<string> {
  const { stdout } = await sandbox("build", "open", "--dir", dir);
  const { endpoint, caFile, certFile, keyFile, serverName } = JSON.parse(stdout) as Ticket;
  const context = join(world.dir, "context");
  await mkdir(context, { recursive: true });
  await copyFile(toolPath("busybox") ?? "busybox", join(context, "busybox"));
  const run = `RUN ${JSON.stringify(["/bin/busybox", "sh", "-c", script])}`;
  await writeFile(join(context, "Dockerfile"), ["FROM scratch", "COPY busybox /bin/busybox", run].join("\n"));
  const { command, args } = world.vm.enter(BUILDCTL, [
    ...["--addr", endpoint, "--tlscacert", caFile, "--tlscert", certFile, "--tlskey", keyFile],
    ...["--tlsservername", serverName, "build", "--progress", "plain", "--no-cache", "--frontend", "dockerfile.v0"],
    ...["--local", `context=${context}`, "--local", `dockerfile=${context}`],
  ]);
  return (await execa(command, args, { all: true, reject: false, timeout: 40_000 })).all;
}

/** What can be seen of a way out on that machine. */
async function traces({ vm }: World): Promise<string> {
  return (await vm.run("nft", ["list", "ruleset"])) + (await vm.run("ip", ["-brief", "address"]));
}

/** Asks for a page at each, and says what it got: "198.51.100.7 something secret". */
function asking(...hosts: readonly string[]): string {
  return `for host in ${hosts.join(" ")}; do echo "$host $(/bin/busybox nc -w 3 $host 80 2>&1 </dev/null)"; done`;
}

describe("a person's sandbox", () => {
  it("gives builds a way out and names with --egress, guarded as on a builder, and takes all of it away again", async () => {
    await using world = await World.make();
    await world.vm.run("sysctl", ["-qw", "net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=1"]);
    const before = await traces(world);
    const { dir, up } = await upOn(world, "--egress");
    const names = "; /bin/busybox nslookup registry.example.com";
    const said = await step(world, dir, asking(...OUTSIDE, ...FORBIDDEN) + names);
    for (const host of OUTSIDE) expect(said).toContain(`${host} something secret`);
    for (const host of FORBIDDEN) expect(said).toContain(`${host} nc: can't connect`);
    expect(said).toContain("NXDOMAIN");
    up.kill("SIGINT");
    const { exitCode, stdout } = await up;
    expect(stdout).toMatch(
      /Builds have a way out over this machine, by a link sandbox-\w+ .* and nftables table inet sandbox_/,
    );
    expect(exitCode).toBe(0);
    expect(await traces(world)).toBe(before);
  });

  it("gives builds no way out otherwise, and touches nothing of the machine's network", async () => {
    await using world = await World.make();
    const before = await traces(world);
    const { dir, up } = await upOn(world);
    expect(await traces(world)).toBe(before);
    const said = await step(world, dir, asking(...OUTSIDE));
    for (const host of OUTSIDE) expect(said).toContain(`${host} nc: can't connect`);
    up.kill("SIGINT");
    expect((await up).exitCode).toBe(0);
  });
});
