import { mkdtemp, readdir, readFile, readlink, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { NO_DEBUGGER } from "../../agent/cli/node-flags.ts";
import { CertificateAuthority } from "../../sandbox/pki/certificate-authority.ts";
import { eventually } from "../buildkit/real-buildkit.ts";
import { AgentProcess, MAIN } from "./agent-process.ts";

let folder: string;
let file: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "hangup-"));
  file = join(folder, "config.toml");
  await writeFile(join(folder, "token"), "spent");
  await writeFile(join(folder, "ca.pem"), (await CertificateAuthority.create({ name: "Nobody's" })).certPem);
  await configure({});
});
afterEach(() => rm(folder, { recursive: true, force: true }));

/** A configuration with a control plane that is not there. */
async function configure({ level = "info", listen = "127.0.0.1:0", graceMs = 1_000, more = "" } = {}): Promise<void> {
  await writeFile(
    file,
    `[controlPlane]
endpoint = "127.0.0.1:1"
caFile = "${join(folder, "ca.pem")}"
[identity]
kind = "join-token"
tokenFile = "${join(folder, "token")}"
[gateway]
listen = "${listen}"
[health]
listen = "127.0.0.1:0"
[network]
mode = "none"
[buildkit]
binary = "/bin/false"
[paths]
stateDir = "${join(folder, "state")}"
runtimeDir = "${join(folder, "run")}"
[drain]
graceMs = ${graceMs}
[log]
level = "${level}"
${more}`,
  );
}

const PROCESSES = [
  { command: "gateway", begun: "gateway.listening" },
  { command: "control", begun: "agent.started" },
] as const;

describe.each(PROCESSES)("a SIGHUP to $command", ({ command, begun }) => {
  it("takes the log's level, names what needs a restart, and never ends it", async () => {
    await using agent = AgentProcess.start([command, "--config", file]);
    await agent.logged(begun);
    await configure({ level: "debug", listen: "127.0.0.1:9", graceMs: 2_000 });
    agent.signal("SIGHUP");
    expect(await agent.logged("config.taken")).toMatchObject({ logLevel: "debug", logLevelBefore: "info" });
    const needed = { gateway: ["gateway.listen"], control: ["gateway.listen", "drain.graceMs"] }[command];
    expect(await agent.logged("config.needs-restart")).toMatchObject({ keys: needed });
    agent.signal("SIGTERM");
    expect(await agent.ended).toMatchObject({ code: 0, err: "" });
  });

  it("keeps the old configuration where the new one is wrong, and says what is wrong", async () => {
    await using agent = AgentProcess.start([command, "--config", file]);
    await agent.logged(begun);
    await configure({ level: "debug", more: "[nonsense]\nkey = 1\n" });
    agent.signal("SIGHUP");
    const { err } = await agent.logged("config.refused");
    expect(JSON.stringify(err)).toContain("nonsense");
    await configure({ level: "warn" });
    agent.signal("SIGHUP");
    agent.signal("SIGTERM");
    expect(await agent.ended).toMatchObject({ code: 0, err: "" });
  });

  it("in its very first moments does not end it either", async () => {
    await using agent = AgentProcess.start([command, "--config", file]);
    await eventually(async () => catches(await statusOf(agent), SIGHUP), "it listens to SIGHUP");
    agent.signal("SIGHUP");
    await agent.logged(begun);
    await agent.logged("config.taken");
    agent.signal("SIGTERM");
    expect(await agent.ended).toMatchObject({ code: 0, err: "" });
  });
});

it("a SIGHUP to the launcher reaches gateway and control as well", async () => {
  await using launcher = AgentProcess.start(["run", "--config", file]);
  await launcher.logged("agent.started");
  await launcher.logged("gateway.listening");
  await configure({ level: "debug" });
  launcher.signal("SIGHUP");
  await eventually(
    () => new Set(launcher.entries("config.taken").map((entry) => entry["process"])).size === 3,
    "all three have taken it",
  );
  launcher.signal("SIGTERM");
  expect(await launcher.ended).toMatchObject({ code: 0, err: "" });
});

describe.each(PROCESSES)("a SIGUSR1 to $command", ({ command, begun }) => {
  it("opens no debugger", async () => {
    await using agent = AgentProcess.start([command, "--config", file]);
    await agent.logged(begun);
    agent.signal("SIGUSR1");
    agent.signal("SIGHUP");
    await agent.logged("config.taken");
    expect(await debuggerPorts(agent)).toEqual([]);
    agent.signal("SIGTERM");
    expect(await agent.ended).toMatchObject({ code: 0, err: "" });
  });

  /** Node itself listens to it until we do, unless it is told not to. */
  it("while Node starts opens none that stays open", async () => {
    await using agent = AgentProcess.start([command, "--config", file]);
    await eventually(async () => catches(await statusOf(agent), SIGUSR1), "Node listens to SIGUSR1");
    agent.signal("SIGUSR1");
    await agent.logged(begun);
    agent.signal("SIGHUP");
    await agent.logged("config.taken");
    expect(await debuggerPorts(agent)).toEqual([]);
    agent.signal("SIGTERM");
    expect(await agent.ended).toMatchObject({ code: 0 });
  });

  it("opens none even while Node starts, where it is started with the flag", async ({ skip }) => {
    if (!process.allowedNodeEnvironmentFlags.has(NO_DEBUGGER)) skip(`this Node has no ${NO_DEBUGGER}`);
    await using agent = AgentProcess.startNode([NO_DEBUGGER, MAIN, command, "--config", file]);
    await eventually(async () => catches(await statusOf(agent), SIGUSR1), "it listens to SIGUSR1");
    agent.signal("SIGUSR1");
    await agent.logged(begun);
    agent.signal("SIGTERM");
    expect(await agent.ended).toMatchObject({ code: 0, err: "" });
  });
});

const [SIGHUP, SIGUSR1] = [1, 10];

function statusOf(agent: AgentProcess): Promise<string> {
  return readFile(`/proc/${agent.child.pid}/status`, "utf8");
}

/** SigCgt of proc(5). */
function catches(status: string, signal: number): boolean {
  const mask = /^SigCgt:\s*([\da-f]+)$/m.exec(status)?.[1] ?? "0";
  return ((BigInt(`0x${mask}`) >> BigInt(signal - 1)) & 1n) === 1n;
}

/** Ports of Node's debugger, from 9229 on, on which this very process listens. */
async function debuggerPorts({ child }: AgentProcess): Promise<readonly number[]> {
  const links = (await readdir(`/proc/${child.pid}/fd`)).map((fd) =>
    readlink(`/proc/${child.pid}/fd/${fd}`).catch(() => ""),
  );
  const own = new Set(await Promise.all(links));
  const table = await readFile(`/proc/${child.pid}/net/tcp`, "utf8");
  return table
    .split("\n")
    .map((line) => line.trim().split(/\s+/))
    .filter(([, , , state, , , , , , inode]) => state === "0A" && own.has(`socket:[${inode}]`))
    .map(([, local]) => Number.parseInt(local?.split(":")[1] ?? "", 16))
    .filter((port) => port >= 9_229 && port < 9_300);
}
