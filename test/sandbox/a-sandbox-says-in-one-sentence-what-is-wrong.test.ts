import { once } from "node:events";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { type AddressInfo, createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, it } from "vitest";
import { askSandbox } from "../../sandbox/admin/client.ts";
import { whyNoStage } from "../journeys/stage/whether.ts";
import { RealSandbox, sandbox } from "./real-sandbox.ts";

const parent = await mkdtemp(join(tmpdir(), "sandbox-test-"));
const file = join(parent, "file");
await writeFile(file, "");
const busy = createServer();
busy.listen(0, "127.0.0.1");
await once(busy, "listening");
const busyPort = (busy.address() as AddressInfo).port;

afterAll(async () => {
  busy.close();
  await rm(parent, { recursive: true });
});

interface Wrong {
  readonly what: string;
  readonly args: readonly string[];
  readonly code: number;
  readonly says: string;
  /** It comes so far only where a builder could run. */
  readonly needsBuilder?: true;
}

it.for<Wrong>([
  {
    what: "a port that is in use",
    args: ["up", "--listen", `127.0.0.1:${busyPort}`, "--dir", join(parent, "a")],
    needsBuilder: true,
    code: 69,
    says: "something else listens there",
  },
  {
    what: "a directory that cannot be made",
    args: ["up", "--listen", "127.0.0.1:0", "--dir", join(file, "b")],
    needsBuilder: true,
    code: 73,
    says: `Cannot use ${join(file, "b")}`,
  },
  {
    what: "an address that is none",
    args: ["up", "--listen", "8443", "--dir", parent],
    code: 64,
    says: "127.0.0.1:8443",
  },
  { what: "no directory", args: ["up", "--listen", "127.0.0.1:0"], code: 64, says: "--dir" },
  { what: "a time that is none", args: ["build", "open", "--dir", parent, "--ttl", "soon"], code: 64, says: "30m" },
  {
    what: "a directory without a sandbox",
    args: ["build", "list", "--dir", parent],
    code: 69,
    says: "No sandbox answers",
  },
  { what: "the status of a sandbox that is not up", args: ["status", "--dir", parent], code: 69, says: "No sandbox" },
  { what: "a command that is none", args: ["dance"], code: 64, says: "dance" },
])("refuses $what", async ({ args, needsBuilder, code, says }, { skip }) => {
  const why = needsBuilder && whyNoStage();
  if (why !== undefined) skip(why);
  const { exitCode, stderr } = await sandbox(...args);
  expect(stderr).toContain(says);
  expect(stderr.trim().split("\n")).toHaveLength(1);
  expect(exitCode).toBe(code);
});

it("refuses a second sandbox, a foreign project and unknown builds, and goes on", async ({ skip }) => {
  const why = whyNoStage();
  if (why !== undefined) skip(why);
  await using up = await RealSandbox.start();
  await up.ready();
  const refusals = [
    { args: ["up", "--listen", "127.0.0.1:0", "--dir", up.dir], says: "up in" },
    { args: ["build", "open", "--dir", up.dir, "--org", "evil"], says: "No machine serves evil/app" },
    { args: ["build", "open", "--dir", up.dir, "--context-group", "a/b"], says: '"a/b" cannot be a group\'s name' },
    { args: ["build", "end", "--dir", up.dir, "b-none"], says: "Build b-none is not open" },
    { args: ["build", "revoke", "--dir", up.dir, "b-none"], says: "Build b-none is not open" },
  ];
  for (const { args, says } of refusals) {
    const { exitCode, stderr } = await sandbox(...args);
    expect(stderr).toContain(says);
    expect(exitCode).toBe(69);
  }
  expect((await up.open("--context-group", "main")).buildId).toMatch(/^b-/);
});

it("tells one that hangs from one that is gone", async () => {
  const dir = join(parent, "silent");
  await mkdir(dir);
  const adminSocket = join(parent, "admin.sock");
  await writeFile(join(dir, "sandbox.json"), JSON.stringify({ pid: 1234, adminSocket, runtimeDir: dir }));
  const listed = () => askSandbox(dir, { verb: "build-list" }, 200);
  await expect(listed()).rejects.toThrow(`No sandbox answers in ${dir}: start one with`);
  const mute = createServer((socket) => socket.on("error", () => undefined));
  mute.listen(adminSocket);
  await once(mute, "listening");
  try {
    await expect(listed()).rejects.toThrow(
      `The sandbox in ${dir} (process 1234) has not answered within 0.2 s: it hangs or was stopped.`,
    );
    mute.once("connection", (socket: Socket) => socket.end());
    await expect(listed()).rejects.toThrow("gave no answer: it hung up before it answered.");
  } finally {
    mute.close();
  }
});
