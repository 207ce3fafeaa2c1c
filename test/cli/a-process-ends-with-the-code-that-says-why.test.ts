import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";
import { EmbeddedControlPlane } from "../../sandbox/control-plane/embedded-control-plane.ts";
import { CertificateAuthority } from "../../sandbox/pki/certificate-authority.ts";
import { AgentProcess } from "./agent-process.ts";
import { runCli } from "./recorded-cli.ts";

it.each([
  { argv: ["version"], code: 0, out: /^builder-agent \d/, err: /^$/ },
  { argv: ["help"], code: 0, out: /^Usage: builder-agent/, err: /^$/ },
  { argv: ["config", "schema"], code: 0, out: /^\{[\s\S]*\}$/, err: /^$/ },
  { argv: ["walk"], code: 64, out: /^$/, err: /^builder-agent: unknown command 'walk'/ },
  { argv: ["status", "--health-listen", "127.0.0.1:1"], code: 69, out: /^$/, err: /Nothing listens at/ },
  { argv: ["gateway", "--gateway-listen", "8443"], code: 78, out: /^$/, err: /found "8443", expected "host:port"/ },
  { argv: ["control"], code: 78, out: /^$/, err: /3 problems[\s\S]*controlPlane.endpoint[\s\S]*identity.kind/ },
  { argv: ["run"], code: 78, out: /^$/, err: /The configuration has 3 problems/ },
])("$argv ends with $code", async ({ argv, code, out, err }) => {
  await using agent = AgentProcess.start(argv);
  expect(await agent.ended).toEqual({
    code,
    out: expect.stringMatching(out) as unknown,
    err: expect.stringMatching(err) as unknown,
  });
});

it.each([
  { what: "is missing", content: undefined, found: "which cannot be read (ENOENT)" },
  { what: "is empty", content: "", found: "which holds no certificate, or a broken one" },
])("control and run end with 78 when the CA file $what", async ({ content, found }) => {
  await using place = await directories();
  const ca = join(place.root, "ca.pem");
  if (content !== undefined) await writeFile(ca, content);
  for (const command of ["control", "run"]) {
    await using agent = AgentProcess.start([command, ...place.options, ...member("localhost:1", ca, ca)]);
    const { code, err } = await agent.ended;
    expect(code).toBe(78);
    expect(err).toContain(`controlPlane.caFile (flag --control-plane-ca-file): found "${ca}", ${found}`);
  }
});

it.each(["config check", "control", "run"])("%s ends with 78 when HTTPS_PROXY names no HTTP proxy", async (command) => {
  await using place = await directories();
  const ca = join(place.root, "ca.pem");
  await writeFile(ca, (await CertificateAuthority.create({ name: "any" })).certPem);
  const argv = [...command.split(" "), ...place.options, ...member("control.example.com:443", ca, ca)];
  await using agent = AgentProcess.start(argv, { HTTPS_PROXY: "socks5://proxy.example:1080" });
  const { code, err } = await agent.ended;
  expect(code).toBe(78);
  expect(err).toContain("environment HTTPS_PROXY: found what is no URL of an HTTP proxy, expected one like");
});

it("control that is told to stop before it has begun ends with 0, and says nothing", async () => {
  await using place = await directories();
  const ca = join(place.root, "ca.pem");
  await writeFile(ca, (await CertificateAuthority.create({ name: "any" })).certPem);
  const argv = ["control", ...place.options, ...member("localhost:1", ca, ca)];
  expect(await runCli(argv, {}, AbortSignal.abort())).toEqual({ code: 0, out: "", err: "" });
});

it("the gateway ends with 0 in good order on SIGTERM", async () => {
  await using place = await directories();
  await using gateway = AgentProcess.start(["gateway", "--gateway-listen", "127.0.0.1:0", ...place.options]);
  await gateway.logged("gateway.listening");
  gateway.signal("SIGTERM");
  expect(await gateway.ended).toMatchObject({ code: 0, err: "" });
});

it("the gateway ends when the launcher that holds its stdin is gone", async () => {
  await using place = await directories();
  const argv = ["gateway", "--gateway-listen", "127.0.0.1:0", ...place.options];
  await using gateway = AgentProcess.start(argv, { BUILDER_AGENT_PARENT: "stdin" });
  await gateway.logged("gateway.listening");
  gateway.child.stdin?.end();
  expect(await gateway.ended).toMatchObject({ code: 0, err: "" });
});

it("the gateway ends with 69 when its address is taken, and says which", async () => {
  await using place = await directories();
  const taken = createServer().listen(0, "127.0.0.1");
  await once(taken, "listening");
  const address = taken.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  try {
    await using gateway = AgentProcess.start(["gateway", "--gateway-listen", `127.0.0.1:${port}`, ...place.options]);
    const { code, err } = await gateway.ended;
    expect(code).toBe(69);
    expect(err).toContain(`127.0.0.1`);
    expect(err).toContain("EADDRINUSE");
  } finally {
    taken.close();
  }
});

it("an agent without BuildKit has status 1; refused by the control plane, its launcher ends with 77", async () => {
  await using plane = await EmbeddedControlPlane.listen();
  await using place = await directories();
  const [ca, token] = [join(place.root, "ca.pem"), join(place.root, "token")];
  await writeFile(ca, plane.caPem);
  await writeFile(token, plane.issueJoinToken({ org: "acme", project: "app", architecture: "amd64" }));
  await using agent = AgentProcess.start([
    ...["run", ...place.options, ...member(plane.endpoint, ca, token)],
    ...["--control-plane-server-name", plane.serverName],
    ...["--gateway-listen", "127.0.0.1:0", "--health-listen", "127.0.0.1:0", "--buildkit-binary", "/bin/false"],
    ...["--network-mode", "none"],
  ]);
  const { machineId } = await agent.logged("identity.registered");
  const { url } = await agent.logged("health.listening");
  await agent.logged("control-plane.attached");
  await using status = AgentProcess.start(["status", "--health-listen", String(url).slice("http://".length)]);
  expect(await status.ended).toMatchObject({ code: 1, out: expect.stringContaining("buildkit: ") as unknown, err: "" });
  plane.refuseMachine(String(machineId));
  expect(await agent.ended).toMatchObject({ code: 77, err: "" });
});

it("a defect is the last line of the log, and the end with 70", async () => {
  await using broken = AgentProcess.evaluate(`
    const { logDefects } = await import(${JSON.stringify(compiled("cli/last-words.js"))});
    const { processLog } = await import(${JSON.stringify(compiled("adapters/telemetry/process-log.js"))});
    logDefects(processLog({ process: "control", level: "info" }));
    setTimeout(() => {}, 60_000);
    void Promise.reject(new TypeError("a defect"));`);
  const { code, out } = await broken.ended;
  expect(code).toBe(70);
  expect(JSON.parse(out)).toMatchObject({ level: "error", event: "process.crashed", err: { message: "a defect" } });
});

it("a process that something holds ends all the same, and says what held it", async () => {
  await using held = AgentProcess.evaluate(`
    const { endWithin } = await import(${JSON.stringify(compiled("cli/end-within.js"))});
    const { terminal } = await import(${JSON.stringify(compiled("cli/output.js"))});
    setInterval(() => {}, 60_000);
    endWithin(1, 77, terminal(process.env));`);
  const { code, err } = await held.ended;
  expect(code).toBe(77);
  expect(err).toContain("still held by: ");
  expect(err).toContain("Timeout");
});

function compiled(path: string): string {
  return fileURLToPath(new URL(`../../dist/agent/${path}`, import.meta.url));
}

function member(endpoint: string, ca: string, token: string): readonly string[] {
  return [
    ...["--control-plane-endpoint", endpoint, "--control-plane-ca-file", ca],
    ...["--identity-kind", "join-token", "--identity-token-file", token],
  ];
}

async function directories() {
  const root = await mkdtemp(join(tmpdir(), "builder-agent-cli-"));
  const options = ["--paths-runtime-dir", join(root, "run"), "--paths-state-dir", join(root, "state")];
  return {
    root,
    options,
    [Symbol.asyncDispose]: () => rm(root, { recursive: true }),
  };
}
