import { once } from "node:events";
import { mkdir, stat, writeFile } from "node:fs/promises";
import { type AddressInfo, createServer, type Server, type Socket } from "node:net";
import { dirname, join } from "node:path";
import { createServer as createTlsServer } from "node:tls";
import { afterEach, beforeAll, expect, it } from "vitest";
import { unreadSince } from "../../agent/cli/doctor/configuration.ts";
import { counted, type Found, gravestFirst } from "../../agent/cli/doctor/finding.ts";
import { fromAgent } from "../../agent/cli/doctor/from-agent.ts";
import { planeWay } from "../../agent/cli/doctor/plane-way.ts";
import { report } from "../../agent/cli/doctor/report.ts";
import { judged } from "../../agent/cli/doctor/units.ts";
import { layoutOf } from "../../agent/cli/layout.ts";
import { painter } from "../../agent/cli/printing.ts";
import { NOTHING_OBSERVED } from "../../agent/core/observed-state.ts";
import { statusReport } from "../../agent/core/status-report.ts";
import { CertificateAuthority, type CertificateWithKey } from "../../sandbox/pki/certificate-authority.ts";
import { SERVER_AUTH } from "../../sandbox/pki/certificate-profile.ts";
import { checkResult } from "../core/sample.ts";
import { REQUIRED } from "./load.ts";
import { DeskRig } from "./operators-desk.ts";
import { runCli } from "./recorded-cli.ts";

const NEVER = new AbortController().signal;
const HOUR_MS = 3_600_000;
const at = (hours: number): Date => new Date(Date.now() + hours * HOUR_MS);
const NAME = "plane.example";

let ours: CertificateAuthority;
beforeAll(async () => {
  ours = await CertificateAuthority.create({ name: "ours", notBefore: at(-100) });
});
const servers: Server[] = [];
afterEach(async () => {
  for (const server of servers.splice(0)) {
    const closed = once(server, "close");
    server.close();
    await closed;
  }
});

async function listen(server: Server): Promise<number> {
  servers.push(server);
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return (server.address() as AddressInfo).port;
}

const shows = ({ chainPem: cert, keyPem: key }: CertificateWithKey): Promise<number> =>
  listen(createTlsServer({ cert, key, ALPNProtocols: ["h2"] }, (socket) => socket.on("error", () => undefined).end()));
const issue = (over: object, from = ours) =>
  from.issue({
    name: "plane",
    dnsSans: [NAME],
    extendedKeyUsage: [SERVER_AUTH],
    notBefore: at(-5),
    notAfter: at(20),
    ...over,
  });
const way = (port: number) => ({
  endpoint: { host: "127.0.0.1", port },
  serverName: NAME,
  proxy: undefined,
  caPem: ours.certPem,
});
const last = (found: readonly Found[]): Found | undefined => found.at(-1);

it("finds nothing amiss on a way that is as it must be", async () => {
  const found = await planeWay(way(await shows(await issue({}))), NEVER);
  expect(found.map(({ name, state }) => [name, state])).toEqual([
    ["control-plane/name", "ok"],
    ["control-plane/port", "ok"],
    ["control-plane/certificate", "ok"],
  ]);
  expect(last(found)?.evidence).toMatch(/^TLSv1\.3, for plane\.example, valid from 20\d\d-\S+Z until 20\d\d-\S+Z$/);
});

it.each([
  {
    of: "has expired",
    over: { notAfter: at(-1) },
    state: "fail",
    says: /and the clock do not agree .*EXPIRED/,
    next: /date -u/,
  },
  {
    of: "is not valid yet",
    over: { notBefore: at(5) },
    state: "fail",
    says: /do not agree .*NOT_YET_VALID/,
    next: /date -u/,
  },
  {
    of: "is for another name",
    over: { dnsSans: ["other.example"] },
    state: "fail",
    says: /another name: .*plane\.example/,
    next: /serverName/,
  },
  { of: "ends soon", over: { notBefore: at(-99), notAfter: at(1) }, state: "warn", says: /^TLSv1\.3/, next: /renewed/ },
])("says so when the control plane's certificate $of", async ({ over, state, says, next }) => {
  expect(last(await planeWay(way(await shows(await issue(over))), NEVER))).toEqual({
    name: "control-plane/certificate",
    state,
    evidence: expect.stringMatching(says) as unknown,
    next: expect.stringMatching(next) as unknown,
  });
});

it("knows a stranger by its CA", async () => {
  const theirs = await CertificateAuthority.create({ name: "theirs" });
  const found = last(await planeWay(way(await shows(await issue({}, theirs))), NEVER));
  expect(found).toMatchObject({ state: "fail" });
  expect(found?.evidence).toMatch(/does not chain to controlPlane\.caFile .*issued by theirs/);
});

it.each([
  { of: "resets", act: (socket: Socket) => void socket.once("data", () => socket.resetAndDestroy()) },
  { of: "speaks no TLS", act: (socket: Socket) => void socket.resume().end("SSH-2.0\r\n") },
])("says that who listens there $of", async ({ act }) => {
  const server = createServer((socket) => act(socket.on("error", () => undefined)));
  const found = last(await planeWay(way(await listen(server)), NEVER));
  expect(found).toMatchObject({ name: "control-plane/certificate", state: "fail" });
  expect(found?.evidence).toContain("does not speak TLS 1.3 with us");
});

it("stops at the step that fails", async () => {
  const port = await listen(createServer());
  await new Promise((resolve) => servers.pop()?.close(resolve));
  const refused = await planeWay(way(port), NEVER);
  expect(last(refused)).toMatchObject({ name: "control-plane/port", state: "fail" });
  const nameless = await planeWay({ ...way(port), endpoint: { host: "no-such-host.invalid", port } }, NEVER);
  expect(nameless).toMatchObject([{ name: "control-plane/name", state: "fail" }]);
});

it("does not pretend to have seen through a proxy", async () => {
  const port = await listen(createServer());
  const found = await planeWay({ ...way(1), proxy: { host: "127.0.0.1", port } }, NEVER);
  expect(found.map(({ name, state }) => [name, state])).toEqual([
    ["control-plane/name", "ok"],
    ["control-plane/proxy", "ok"],
    ["control-plane/certificate", "unseen"],
  ]);
});

it("takes each check from the agent as what it is, with its remedy and its cause", async () => {
  await using rig = await DeskRig.make();
  const check = (name: string, state: "ok" | "failed" | "unknown", blocking: boolean, causedBy?: string) =>
    checkResult({
      name,
      state,
      blocking,
      message: `m-${name}`,
      remedy: state === "ok" ? "" : `r-${name}`,
      sinceMs: 0,
      ...(causedBy && { causedBy }),
    });
  const checks = [
    check("a", "ok", true),
    check("b", "failed", true),
    check("c", "failed", false, "b"),
    check("d", "unknown", true),
  ];
  await rig.open({ health: () => statusReport({ ...NOTHING_OBSERVED, checks }) });
  const found = await fromAgent({ host: "127.0.0.1", port: 1 }, rig.socket, undefined, NEVER);
  expect(found.map(({ name, state }) => [name, state])).toEqual([
    ["health-port", "fail"],
    ["agent", "warn"],
    ["a", "ok"],
    ["b", "fail"],
    ["c", "warn"],
    ["d", "unseen"],
  ]);
  expect(found.slice(3)).toMatchObject([{ next: "r-b" }, { next: "r-c", causedBy: "b" }, { next: "r-d" }]);
});

const LOADED = {
  LoadState: "loaded",
  ActiveState: "active",
  SubState: "running",
  Result: "success",
  NRestarts: "0",
  StateChangeTimestamp: "Sun",
};
it.each([
  { shown: {}, state: "ok", says: "x.service is running, since Sun" },
  { shown: { LoadState: "masked" }, state: "fail", says: "x.service is masked: it cannot be started" },
  { shown: { LoadState: "not-found" }, state: "fail", says: "x.service is not installed (not-found)" },
  {
    shown: { ActiveState: "failed", Result: "exit-code" },
    state: "fail",
    says: "x.service failed (exit-code), since Sun",
  },
  {
    shown: { ActiveState: "inactive", SubState: "dead" },
    state: "fail",
    says: "x.service is inactive (dead), since Sun",
  },
  { shown: { NRestarts: "3" }, state: "warn", says: "x.service is running, since Sun, restarted 3 times" },
])("judges a unit: $says", ({ shown, state, says }) => {
  expect(judged("x.service", { ...LOADED, ...shown })).toMatchObject({ state, evidence: says });
});

it("shows what is wrong first, and what to do below it", () => {
  const found: readonly Found[] = [
    { name: "a", state: "ok", evidence: "well" },
    { name: "bb", state: "warn", evidence: "hm", causedBy: "c" },
    { name: "c", state: "fail", evidence: "bad", next: "mend it" },
    { name: "d", state: "unseen", evidence: "dark" },
  ];
  expect(gravestFirst(found).map(({ name }) => name)).toEqual(["c", "d", "bb", "a"]);
  expect(report(found, painter(false), 0)).toBe(`\
1 wrong, 1 could not be looked at, 1 because of these, of 4 looked at

[-]  c   bad
         next: mend it
[?]  d   dark
[!]  bb  hm (because of c)
[+]  a   well
`);
});

it("says when in relation to now, and ends no evidence with a full stop that something follows", () => {
  const found: readonly Found[] = [
    { name: "a", state: "fail", evidence: "Nothing heard since 2026-01-02T03:02:28Z.", causedBy: "b" },
    { name: "b", state: "fail", evidence: "Valid until 2026-01-02T04:04:05.123Z." },
  ];
  const told = report(found, painter(false), Date.UTC(2026, 0, 2, 3, 4, 5));
  expect(told).toContain("a  Nothing heard for 1 min 37 s (since 03:02:28 UTC) (because of b)\n");
  expect(told).toContain("b  Valid until 04:04:05 UTC (in 1 h)\n");
});

it("counts one cause once, and puts it before what it explains", () => {
  const found: readonly Found[] = [
    { name: "effect", state: "fail", evidence: "x", causedBy: "cause" },
    { name: "cause", state: "fail", evidence: "x" },
    { name: "other", state: "fail", evidence: "x", causedBy: "well" },
    { name: "well", state: "ok", evidence: "x" },
  ];
  expect(gravestFirst(found).map(({ name }) => name)).toEqual(["cause", "other", "effect", "well"]);
  expect([counted(found, "fail"), counted(found, "ok")]).toEqual([2, 1]);
});

it("says on a machine without an agent what is missing, as JSON too, and takes the gateway's link from nobody", async () => {
  await using rig = await DeskRig.make();
  const { gatewaySocket } = layoutOf({
    stateDir: rig.runtimeDir,
    runtimeDir: rig.runtimeDir,
    cacheDir: rig.runtimeDir,
  });
  await mkdir(dirname(gatewaySocket));
  let taken = 0;
  const gateway = createServer((socket) => {
    taken += 1;
    socket.destroy();
  });
  servers.push(gateway.listen(gatewaySocket));
  const flags = [
    ...Object.entries(REQUIRED).flat(),
    "--paths-runtime-dir",
    rig.runtimeDir,
    "--health-listen",
    "127.0.0.1:1",
  ];
  const { code, out } = await runCli(["doctor", "--json", ...flags]);
  expect(code).toBe(1);
  const told = JSON.parse(out) as { readonly ok: boolean; readonly findings: readonly Found[] };
  expect(told.ok).toBe(false);
  const failed = told.findings.filter(({ state }) => state === "fail").map(({ name }) => name);
  expect(failed).toEqual(
    expect.arrayContaining(["agent", "socket/control", "socket/buildkit", "config/controlPlane.caFile"]),
  );
  const causes = told.findings.filter(({ state, causedBy }) => state === "fail" && causedBy === undefined);
  expect(causes.filter(({ next }) => next === undefined)).toEqual([]);
  expect(taken).toBe(0);
});

it("tells of an agent that cannot start by its configuration one cause, which is what to mend", async () => {
  await using rig = await DeskRig.make();
  const flags = ["--paths-runtime-dir", rig.runtimeDir, "--health-listen", "127.0.0.1:1"];
  const { out } = await runCli(["doctor", "--json", ...Object.entries(REQUIRED).flat(), ...flags]);
  const { findings } = JSON.parse(out) as { readonly findings: readonly Found[] };
  const amiss = findings.filter(({ state }) => state !== "ok");
  expect(amiss.filter(({ causedBy }) => causedBy === undefined)).toMatchObject([
    {
      name: "config/controlPlane.caFile",
      next: expect.stringContaining("systemctl restart builder-agent.target") as string,
    },
  ]);
  expect(amiss.filter(({ causedBy }) => causedBy === "config/controlPlane.caFile").map(({ name }) => name)).toEqual(
    expect.arrayContaining(["agent", "socket/control", "socket/buildkit"]),
  );
});

it("says that a file was changed since the agent started, and nothing of one that was not", async () => {
  await using rig = await DeskRig.make();
  const file = join(rig.runtimeDir, "config.toml");
  await writeFile(file, "");
  const { mtimeMs } = await stat(file);
  expect(await unreadSince(file, mtimeMs - 1)).toMatchObject([{ name: "config/unread", state: "warn" }]);
  expect(await unreadSince(file, mtimeMs + 1)).toEqual([]);
  expect(await unreadSince(undefined, 0)).toEqual([]);
});

it("leaves the options of doctor isolation to it", async () => {
  await using rig = await DeskRig.make();
  const { code, out } = await runCli([
    "doctor",
    "isolation",
    "--json",
    "--network-mode",
    "none",
    "--paths-runtime-dir",
    rig.runtimeDir,
  ]);
  expect({ code, told: JSON.parse(out) as unknown }).toMatchObject({ code: 0, told: { isolated: true } });
});
