import { once } from "node:events";
import { existsSync } from "node:fs";
import { readdir, readFile, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { connect, type TLSSocket } from "node:tls";
import { expect, it } from "vitest";
import { needsStage, toolPath } from "../journeys/stage/whether.ts";
import { changedSince, thisMachine } from "./net/this-machine.ts";
import { buildctl, eventually, RealSandbox, sandbox, type Ticket } from "./real-sandbox.ts";
import { mountsUnder, processesNaming } from "./traces.ts";

needsStage();

/** A session that stays open: the gateway hands it to BuildKit, which waits for its client. */
async function holdSession({ endpoint, serverName, caFile, certFile, keyFile }: Ticket): Promise<TLSSocket> {
  const { hostname, port } = new URL(endpoint);
  const [ca, cert, key] = await Promise.all([caFile, certFile, keyFile].map((file) => readFile(file)));
  const socket = connect({ host: hostname, port: Number(port), servername: serverName, ca, cert, key });
  socket.setNoDelay();
  // BuildKit speaks first once it is reached: its settings.
  await once(socket, "data");
  return socket;
}

async function drains({ dir }: RealSandbox): Promise<boolean> {
  const { stdout } = await sandbox("status", "--dir", dir, "--json");
  return stdout.includes('"draining"');
}

const BUILDCTL = toolPath("buildctl") ?? "buildctl";

async function runtimeDirOf({ dir }: RealSandbox): Promise<string> {
  const { runtimeDir } = JSON.parse(await readFile(join(dir, "sandbox.json"), "utf8")) as { runtimeDir: string };
  return runtimeDir;
}

it("lets a stock client in while its build is open, and leaves nothing behind", async () => {
  const before = await thisMachine();
  await using up = await RealSandbox.start();
  const ready = await up.ready();
  const runtimeDir = await runtimeDirOf(up);
  expect((await fetch(`${ready.healthUrl}/readyz`)).status).toBe(200);
  expect((await sandbox("status", "--dir", up.dir)).exitCode).toBe(0);
  const ticket = await up.open("--org", "acme", "--project", "app");
  expect(ticket).toMatchObject({ endpoint: ready.endpoint, serverName: ready.serverName });
  expect(await readFile(ticket.caFile, "utf8")).toBe(await readFile(ready.caFile, "utf8"));
  for (const file of [ticket.certFile, ticket.keyFile]) expect((await stat(file)).mode & 0o777).toBe(0o600);

  const listed = await sandbox("build", "list", "--dir", up.dir, "--json");
  expect(JSON.parse(listed.stdout)).toMatchObject([{ buildId: ticket.buildId, org: "acme", project: "app" }]);
  expect((await buildctl(BUILDCTL, ticket, "debug", "workers")).stdout).toContain("linux/amd64");

  const ended = await sandbox("build", "end", "--dir", up.dir, ticket.buildId, "--json");
  expect(JSON.parse(ended.stdout)).toMatchObject({ buildId: ticket.buildId, how: "ended" });
  expect((await buildctl(BUILDCTL, ticket, "debug", "workers")).exitCode).not.toBe(0);
  expect(await readFile(join(up.dir, "agent.log"), "utf8")).toContain('"build-ended"');

  up.process.kill("SIGINT");
  const { exitCode, stdout } = await up.process;
  expect(exitCode).toBe(0);
  expect(stdout).toContain(`come in at ${ready.endpoint}`);
  expect(existsSync(up.dir)).toBe(false);
  expect(existsSync(runtimeDir)).toBe(false);
  expect(await processesNaming(up.dir)).toEqual([]);
  expect(await processesNaming(runtimeDir)).toEqual([]);
  expect(await mountsUnder(up.dir)).toEqual([]);
  expect(await changedSince(before)).toEqual([]);
});

it("drains by order of the control plane, and ends with it", async () => {
  await using up = await RealSandbox.start();
  await up.ready();
  const { exitCode, stdout } = await sandbox("drain", "--dir", up.dir, "--grace", "5s");
  expect(stdout).toContain("Drained and stopped");
  expect(exitCode).toBe(0);
  expect((await up.process).exitCode).toBe(0);
});

it("says why no new build can be opened while it drains, and hands out nothing", async () => {
  await using up = await RealSandbox.start();
  await up.ready();
  const open = await up.open();
  const client = await holdSession(open);
  try {
    const drain = sandbox("drain", "--dir", up.dir, "--grace", "40s");
    await eventually("the drain", async () => (await drains(up)) || undefined);
    const refused = await sandbox("build", "open", "--dir", up.dir);
    expect(refused.stderr).toMatch(/Build \S+ was refused\. Machine \S+: This machine is draining: asked for at/);
    expect(refused).toMatchObject({ exitCode: 75, stdout: "" });
    const executed = await sandbox("exec", "--dir", up.dir, "--", "echo", "ran");
    expect(executed).toMatchObject({
      exitCode: 75,
      stdout: "",
      stderr: expect.stringContaining("is draining") as string,
    });
    expect(await readdir(join(up.dir, "builds"))).toEqual([open.buildId]);
    const listed = await sandbox("build", "list", "--dir", up.dir, "--json");
    expect(JSON.parse(listed.stdout)).toMatchObject([{ buildId: open.buildId }]);
    client.destroy();
    expect((await drain).exitCode).toBe(0);
  } finally {
    client.destroy();
  }
  expect((await up.process).exitCode).toBe(0);
});

it("lets open builds go on for as long as it was asked to, which no deadline of its own cuts short, until it is told again", {
  timeout: 120_000,
}, async () => {
  await using up = await RealSandbox.start("d", "--grace", "60s");
  await up.ready();
  const client = await holdSession(await up.open());
  // It is cut by a reset.
  client.on("error", () => undefined);
  up.process.kill("SIGINT");
  await eventually("the drain", async () => (await drains(up)) || undefined);
  // Longer than the whole ending of a machine without builds may take.
  await sleep(16_000);
  expect(client.destroyed).toBe(false);
  expect(up.heard()).toContain("Open builds may go on for 60 s; Ctrl-C once more cuts them.");
  up.process.kill("SIGINT");
  await eventually("the cut", () => client.destroyed || undefined);
  expect((await up.process).exitCode).toBe(0);
  expect(up.heard()).toContain("nothing is left behind");
});

it("ends in good order when it is told to before it is ready", async () => {
  await using up = await RealSandbox.start();
  await eventually("the agent's configuration", () => existsSync(join(up.dir, "agent.toml")) || undefined);
  up.process.kill("SIGTERM");
  expect((await up.process).exitCode).toBe(0);
  expect(existsSync(up.dir)).toBe(false);
  expect(await processesNaming(up.dir)).toEqual([]);
});

it("takes its agent along when it is killed, and gives way to the next one in its directory", async () => {
  await using up = await RealSandbox.start();
  await up.ready();
  const runtimeDir = await runtimeDirOf(up);
  up.process.kill("SIGKILL");
  await up.process;
  await eventually("the agent to end", async () => ((await processesNaming(up.dir)).length === 0 ? true : undefined));
  expect(await processesNaming(runtimeDir)).toEqual([]);
  const stale = await stat(join(up.dir, "ready.json"));

  await using next = up.again();
  await eventually("the old ready.json to go", async () => {
    const found = await stat(join(up.dir, "ready.json")).catch(() => undefined);
    return found?.ino === stale.ino ? undefined : true;
  });
  await next.ready();
  expect(existsSync(runtimeDir)).toBe(false);
  expect((await buildctl(BUILDCTL, await next.open(), "debug", "workers")).exitCode).toBe(0);
  expect(dirname((await next.open()).certFile)).toContain(up.dir);
});

it("works in a directory whose path is too long for a socket", async () => {
  await using up = await RealSandbox.start("x".repeat(150));
  await up.ready();
  expect((await buildctl(BUILDCTL, await up.open(), "debug", "workers")).exitCode).toBe(0);
});
