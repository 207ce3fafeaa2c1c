import { once } from "node:events";
import { createServer } from "node:http";
import { createServer as createTcpServer, type Server, type Socket } from "node:net";
import { expect, it } from "vitest";
import { painter } from "../../agent/cli/printing.ts";
import { statusTable } from "../../agent/cli/status-table.ts";
import type { StatusReport } from "../../agent/core/status-report.ts";
import { fixedPort } from "../../sandbox/net/fixed-port.ts";
import { checkResult } from "../core/sample.ts";
import { DeskRig } from "./operators-desk.ts";
import { runCli } from "./recorded-cli.ts";

const NOW_MS = Date.UTC(2026, 0, 2, 12);
const MINUTE_MS = 60_000;
const PLAIN = painter(false);

const READY: StatusReport = {
  schemaVersion: 1,
  ready: true,
  notReadyBecause: [],
  observedAtMs: NOW_MS,
  observedAt: "2026-01-02T12:00:00Z",
  phase: { at: "ready" },
  appliedRevision: "7",
  appliedEpoch: "e",
  builds: { "build-1": 1, "build-2": 3 },
  checks: [
    {
      ...checkResult({
        name: "buildkit",
        state: "ok",
        blocking: true,
        message: "Answers ListWorkers",
        sinceMs: NOW_MS - MINUTE_MS,
      }),
      ok: true,
      severity: "warning",
      since: "",
    },
    {
      ...checkResult({
        name: "encryption",
        state: "failed",
        blocking: false,
        message: "NOT ENCRYPTED",
        sinceMs: NOW_MS - 90 * MINUTE_MS,
      }),
      ok: false,
      severity: "warning",
      since: "",
    },
    {
      ...checkResult({ name: "records", state: "ok", blocking: false, message: "2 wait", sinceMs: NOW_MS }),
      ok: true,
      severity: "warning",
      since: "",
    },
  ],
  resources: {
    memoryAvailableBytes: 2 ** 30,
    load1m: 0.5,
    cacheSizeBytes: 100 * 2 ** 30,
    cacheFreeBytes: 25.5 * 2 ** 30,
    cacheInodes: 1_000,
    cacheFreeInodes: 71,
  },
  cache: {
    encrypted: true,
    volumeId: "cache-7",
    device: "/dev/disk/by-id/nvme-cache",
    kind: "kept",
    filesystem: "ext4",
    formatted: false,
    check: "clean",
    grownBytes: 0,
    takenOver: false,
    steps: [],
  },
  bootChapters: [
    { name: "register", beganMs: 0, tookMs: 310 },
    { name: "attach", beganMs: 310, tookMs: 40 },
    { name: "ready", beganMs: 0, tookMs: 2_140 },
  ],
  buildkit: { version: "v0.33.1", restarts: 0, lastExit: "", quarantined: "" },
  certificates: {
    machineNotAfterMs: NOW_MS + 75 * MINUTE_MS,
    servingNotAfterMs: NOW_MS + 5 * MINUTE_MS,
    lastRenewalError: "",
  },
  counters: { sessionsAccepted: 12, sessionsRefused: 3, messagesRefused: 0 },
  troubles: [],
  loops: [],
};

const DRAINING: StatusReport = {
  ...READY,
  ready: false,
  notReadyBecause: ["draining: spot interruption", "buildkit: killed by SIGKILL"],
  phase: { at: "draining", reason: "spot interruption", deadlineWallMs: NOW_MS + 2 * MINUTE_MS },
  builds: {},
  cache: {
    encrypted: false,
    volumeId: "",
    device: "",
    kind: "plain",
    filesystem: "",
    formatted: false,
    check: "not-needed",
    grownBytes: 0,
    takenOver: false,
    steps: [],
  },
  bootChapters: [{ name: "register", beganMs: 0, tookMs: 310 }],
  checks: [
    {
      ...checkResult({
        name: "buildkit",
        state: "failed",
        blocking: true,
        message: "killed by SIGKILL",
        remedy: "Look at the log of buildkitd.service",
        evidence: ["restarted 2 times", "last ended by SIGKILL"],
        sinceMs: NOW_MS - 3 * MINUTE_MS,
      }),
      ok: false,
      severity: "warning",
      since: "",
    },
  ],
  buildkit: { version: "v0.33.1", restarts: 2, lastExit: "killed by SIGKILL", quarantined: "" },
  certificates: { machineNotAfterMs: NOW_MS - MINUTE_MS, lastRenewalError: "UNAVAILABLE" },
};

it("shows a ready agent line by line", () => {
  expect(statusTable(READY, NOW_MS, PLAIN)).toBe(`\
ready

phase         ready
revision      7
sessions      build-1, build-2 (3)
              12 let in and 3 refused since the gateway started
cache         cache-7 on /dev/disk/by-id/nvme-cache (ext4), encrypted
BuildKit      v0.33.1
machine cert  1 h 15 min left
serving cert  5 min left
disk          25.5 GiB of 100.0 GiB free (26 %), 7 % of its inodes
start         ready after 2.1 s: register 0.3 s, attach 0.0 s

[!]  encryption  NOT ENCRYPTED (for 1 h 30 min)
                 seen: looked at
[+]  buildkit    Answers ListWorkers
[+]  records     2 wait
`);
});

it("says first which machine it is, whose, since when, and whom it talks to", () => {
  const head = {
    machineId: "m-1",
    orgId: "acme",
    projectId: "app",
    architecture: "amd64",
    versions: { agent: "1.2.3", node: "v24.1.0", buildkit: "", contract: "c" },
    addresses: { controlPlane: "cp.example:443", gateway: "0.0.0.0:8443", health: "127.0.0.1:9090" },
    boot: { id: "boot-1", atMs: NOW_MS - 1_500 * MINUTE_MS, at: "" },
    process: { runId: "run-1", startedAtMs: NOW_MS - 12 * MINUTE_MS, startedAt: "" },
  };
  expect(statusTable({ ...READY, ...head }, NOW_MS, PLAIN)).toContain(`\
ready

machine        m-1, amd64 of acme/app
up             1 d 1 h (boot boot-1), agent up 12 min
versions       agent 1.2.3, Node v24.1.0, BuildKit unknown
control plane  cp.example:443
listens        builds 0.0.0.0:8443, health 127.0.0.1:9090
phase          ready
`);
  const { machineId: _, orgId: _org, ...unassigned } = head;
  expect(statusTable({ ...READY, ...unassigned }, NOW_MS, PLAIN)).toContain("machine        not registered yet\n");
});

it("puts first what keeps the agent from being ready", () => {
  expect(statusTable(DRAINING, NOW_MS, PLAIN)).toBe(`\
not ready
  draining: spot interruption
  buildkit: killed by SIGKILL

phase         draining, for at most 2 min more
revision      7
sessions      none open
              12 let in and 3 refused since the gateway started
cache         a plain directory, NOT ENCRYPTED
BuildKit      v0.33.1, restarted 2 times, last ended: killed by SIGKILL
machine cert  expired 1 min ago (last renewal: UNAVAILABLE)
serving cert  none yet
disk          25.5 GiB of 100.0 GiB free (26 %), 7 % of its inodes
start         not ready yet: register 0.3 s

[-]  buildkit  killed by SIGKILL (for 3 min)
               seen: restarted 2 times; last ended by SIGKILL
               do: Look at the log of buildkitd.service
`);
});

it("shows which builds are refused and why, as many as help", () => {
  const refusedBuilds = Array.from({ length: 7 }, (_, index) => ({
    buildId: `b-${index}`,
    why: { code: "draining" } as const,
    message: "This machine is draining: spot interruption",
  }));
  const shown = statusTable({ ...DRAINING, refusedBuilds }, NOW_MS, PLAIN);
  expect(shown).toContain("refused       b-0: This machine is draining: spot interruption\n              b-1: This");
  expect(shown).toContain("              b-4: This machine is draining: spot interruption\n              and 2 more\n");
});

it.each([
  { state: "a ready agent", body: JSON.stringify(READY), code: 0, out: /^ready\n/, err: /^$/ },
  {
    state: "a draining agent",
    body: JSON.stringify(DRAINING),
    code: 1,
    out: /^not ready\n {2}draining: spot/,
    err: /^$/,
  },
  { state: "another program", body: "<html>", code: 69, out: /^$/, err: /is no builder-agent of this version/ },
  { state: "other JSON", body: '{"ok":true}', code: 69, out: /^$/, err: /because: ✖ Invalid input/ },
])("exits with $code for $state", async ({ body, code, out, err }) => {
  await using server = await serve(body);
  const told = await runCli(["status", "--health-listen", `0.0.0.0:${server.port}`]);
  expect(told).toEqual({
    code,
    out: expect.stringMatching(out) as unknown,
    err: expect.stringMatching(err) as unknown,
  });
});

it("exits with 1 while the agent has nothing to tell yet", async () => {
  await using server = await serve("starting: nothing has been looked at yet\n", 503);
  const argv = ["status", "--health-listen", `127.0.0.1:${server.port}`];
  const because = "starting: nothing has been looked at yet";
  expect(await runCli(argv)).toEqual({ code: 1, out: `not ready\n  ${because}\n`, err: "" });
  const { code, out } = await runCli([...argv, "--json"]);
  expect(code).toBe(1);
  expect(JSON.parse(out)).toEqual({ schemaVersion: 1, ready: false, notReadyBecause: [because] });
});

it("gives programs all that the agent tells, and whether it is ready", async () => {
  await using server = await serve(JSON.stringify({ ...READY, fromANewerAgent: [1] }));
  const { code, out } = await runCli(["status", "--json", "--health-listen", `127.0.0.1:${server.port}`]);
  expect(code).toBe(0);
  expect(JSON.parse(out)).toEqual({ ...READY, fromANewerAgent: [1] });
});

it("exits with 69 and says what to do when nobody answers", async () => {
  const port = await fixedPort();
  const { code, out, err } = await runCli(["status", "--health-listen", `127.0.0.1:${port}`]);
  expect({ code, out }).toEqual({ code: 69, out: "" });
  expect(err).toContain(`Nothing listens at http://127.0.0.1:${port}/status: no agent runs here`);
  expect(err).toContain(`because: connect ECONNREFUSED 127.0.0.1:${port}`);
  expect(err).not.toContain("    at ");
});

it("prints JSON on standard output also when nobody answers", async () => {
  const port = await fixedPort();
  const { code, out } = await runCli(["status", "--json", "--health-listen", `127.0.0.1:${port}`]);
  expect(code).toBe(69);
  expect(JSON.parse(out)).toEqual({
    schemaVersion: 1,
    error: {
      code: "status.refused",
      message: expect.stringContaining("Nothing listens at") as unknown,
      because: [expect.stringContaining("ECONNREFUSED") as unknown],
    },
  });
});

it("tells a service that is silent from one that is not there, within seconds", async () => {
  await using server = await listen(() => undefined);
  const began = performance.now();
  const { code, err } = await runCli(["status", "--health-listen", `127.0.0.1:${server.port}`]);
  expect(performance.now() - began).toBeLessThan(30_000);
  expect(code).toBe(69);
  expect(err).toContain("takes connections and has not answered within 5 s: it hangs, or is another service.");
  expect(err).toContain(`ss -ltnp 'sport = :${server.port}'`);
});

it.each([
  { of: "resets the connection", act: (socket: Socket) => void socket.once("data", () => socket.resetAndDestroy()) },
  { of: "speaks no HTTP", act: (socket: Socket) => void socket.end("SSH-2.0-OpenSSH_9.2\r\n") },
  {
    of: "leads elsewhere",
    act: (socket: Socket) => void socket.end("HTTP/1.1 302 Found\r\nLocation: /login\r\nContent-Length: 0\r\n\r\n"),
  },
  {
    of: "is not available either",
    act: (socket: Socket) => void socket.end("HTTP/1.1 503 Service Unavailable\r\nContent-Length: 4\r\n\r\nbusy"),
  },
])("knows that a service is not ours that $of", async ({ act }) => {
  await using server = await listen(act);
  const { code, out } = await runCli(["status", "--json", "--health-listen", `127.0.0.1:${server.port}`]);
  expect(code).toBe(69);
  expect(JSON.parse(out)).toMatchObject({ error: { code: "status.not-ours" } });
});

it("asks over the operators' socket where the health port does not tell, and says so", async () => {
  await using rig = await DeskRig.make();
  await rig.open({ health: () => READY });
  const argv = ["--health-listen", `127.0.0.1:${await fixedPort()}`, "--paths-runtime-dir", rig.runtimeDir];
  const { code, out, err } = await runCli(["status", ...argv]);
  expect(code).toBe(0);
  expect(out).toMatch(/^ready\n/);
  expect(err).toContain(`told over ${rig.socket}, for its health port does not: Nothing listens at`);
});

it("says again and again how the agent is, a line each time, until it is stopped", async () => {
  await using server = await serve(JSON.stringify(DRAINING));
  const stop = new AbortController();
  const argv = ["--watch", "--interval", "200ms", "--health-listen", `127.0.0.1:${server.port}`];
  const watching = runCli(["status", ...argv], {}, stop.signal);
  const documents = runCli(["status", "--json", ...argv], {}, stop.signal);
  const lost = runCli(["status", "--watch", "--health-listen", `127.0.0.1:${await fixedPort()}`], {}, stop.signal);
  setTimeout(() => stop.abort("SIGINT"), 1_500);
  const { code, out, err } = await watching;
  expect({ code, err }).toEqual({ code: 0, err: "" });
  const lines = out.trim().split("\n");
  expect(lines.length).toBeGreaterThan(1);
  for (const line of lines)
    expect(line).toMatch(
      /^20\S+Z not ready \(draining\), 0 sessions open: draining: spot interruption; buildkit: killed/,
    );
  for (const line of (await documents).out.trim().split("\n")) expect(JSON.parse(line)).toMatchObject({ ready: false });
  expect((await lost).out).toMatch(/^20\S+Z no answer: Nothing listens at/);
});

it("shows what strangers wrote, and obeys none of it", async () => {
  const hostile = "\u001B[2J\u009B8m\u202Ehidden\u0007\r";
  const checks = READY.checks.map((check) => ({ ...check, message: hostile, state: "failed" }));
  await using server = await serve(JSON.stringify({ ...READY, ready: false, notReadyBecause: [hostile], checks }));
  const { out } = await runCli(["status", "--health-listen", `127.0.0.1:${server.port}`]);
  expect(out).toContain("\\u001b[2J\\u009b8m\\u202ehidden\\u0007\\u000d");
  expect(out.replaceAll("\n", "")).not.toMatch(/[\p{Cc}\p{Cf}]/u);
});

it("redraws a terminal in place and fits it, however narrow and low", async () => {
  await using server = await serve(JSON.stringify({ ...READY, notReadyBecause: [] }));
  const stop = new AbortController();
  setTimeout(() => stop.abort("SIGINT"), 700);
  const argv = ["status", "--watch", "--interval", "10s", "--health-listen", `127.0.0.1:${server.port}`];
  const { out } = await runCli(argv, {}, stop.signal, { columns: 40, rows: 12 });
  const [, screen = ""] = out.split("\u001B[H");
  const lines = screen.replaceAll("\u001B[K", "").replaceAll("\u001B[J", "").trimEnd().split("\n");
  expect(lines).toHaveLength(11);
  expect(lines.at(-1)).toBe("… (more than this terminal shows)");
  for (const line of lines) expect(line.length).toBeLessThanOrEqual(40);
  expect(lines).toContain("              since the gateway started");
});

/** Whoever listens there, and what it does with a connection. */
async function listen(act: (socket: Socket) => void): Promise<AsyncDisposable & { readonly port: number }> {
  const open = new Set<Socket>();
  const server = createTcpServer((socket) => {
    open.add(socket.on("error", () => undefined));
    act(socket);
  });
  return {
    port: await portOf(server),
    [Symbol.asyncDispose]: async () => {
      const closed = once(server, "close");
      server.close();
      for (const socket of open) socket.destroy();
      await closed;
    },
  };
}

async function serve(body: string, code = 200): Promise<AsyncDisposable & { readonly port: number }> {
  const server = createServer((request, response) => {
    response.writeHead(request.url === "/status" ? code : 404, { connection: "close" }).end(body);
  });
  return {
    port: await portOf(server),
    [Symbol.asyncDispose]: async () => {
      const closed = once(server, "close");
      server.close();
      await closed;
    },
  };
}

async function portOf(server: Server): Promise<number> {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("The server has no port");
  return address.port;
}
