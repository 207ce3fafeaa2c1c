import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { SystemdNotify } from "../../agent/adapters/systemd/notify.ts";
import { Scope } from "../../agent/lifecycle/scope.ts";
import type { LogData } from "../../agent/ports/log.ts";
import { TempDir } from "../../sandbox/stack/temp-dir.ts";
import { inTree } from "../../sandbox/stack/tree.ts";
import { eventually } from "../journeys/stage/eventually.ts";

/**
 * Node has no datagram sockets; every Debian has this. It reads what it is sent once it may: after
 * a line on its standard input.
 */
const LISTENER = `
use Socket;
socket(my $s, PF_UNIX, SOCK_DGRAM, 0) or die;
bind($s, pack_sockaddr_un($ARGV[0] =~ s/^@/\\0/r)) or die;
$| = 1;
print "listening\\n";
<STDIN>;
while (defined(recv($s, my $said, 65536, 0))) { print map { "$_\\n" } split /\\n/, $said }
`;

/** Sends to the socket until it takes no more. */
const FILLER = `
use Socket qw(:DEFAULT SOCK_NONBLOCK);
socket(my $s, PF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0) or die;
connect($s, pack_sockaddr_un($ARGV[0])) or die;
1 while defined(send($s, "X_FILLER=1", 0));
`;

let scope: Scope;
let dir: string;
let heard = "";
const logged: (readonly [LogData, string])[] = [];
beforeEach(async () => {
  scope = new Scope();
  dir = scope.own(await TempDir.make("/tmp/notify-")).path;
  heard = "";
  logged.length = 0;
});
afterEach(() => scope[Symbol.asyncDispose]());

interface Listener {
  /** Lets it read. */
  read(): void;
  /** Resolves when it is gone. */
  end(): Promise<unknown>;
}

async function listener(path: string): Promise<Listener> {
  const listener = spawn("perl", ["-e", LISTENER, path], { stdio: ["pipe", "pipe", "inherit"] });
  const ended = once(listener, "exit");
  const end = (): Promise<unknown> => {
    listener.kill("SIGKILL");
    return ended;
  };
  scope.defer(() => end().then(() => undefined));
  listener.stdout.on("data", (piece: Buffer) => (heard += piece.toString()));
  await eventually("the listener listens", () => heard.includes("listening\n"));
  heard = "";
  return { read: () => void listener.stdin.write("\n"), end };
}

async function listen(): Promise<string> {
  const path = join(dir, "notify.sock");
  (await listener(path)).read();
  return path;
}

function notify(environment: Readonly<Record<string, string>>): SystemdNotify {
  const note = (data: LogData, event: string): void => void logged.push([data, event]);
  return scope.own(
    new SystemdNotify({ environment, pid: process.pid, log: { debug: note, info: note, warn: note, error: note } }),
  );
}

/** What systemd would have heard, less the barrier that systemd-notify waits at. */
function words(): readonly string[] {
  return heard.split("\n").filter((line) => line !== "" && !line.startsWith("BARRIER="));
}

function signsOfLife(): number {
  return words().filter((word) => word === "WATCHDOG=1").length;
}

it("says that it is ready, then what it does, in one line", async () => {
  const own = notify({ NOTIFY_SOCKET: await listen() });
  own.ready();
  own.tell("ready,\n\twith  two builds");
  await eventually("both are heard", () => words().length === 2);
  expect(words()).toEqual(["READY=1", "STATUS=ready, with two builds"]);
  expect(logged).toEqual([]);
});

it("merges what comes close together: the first status, then the newest", async () => {
  const own = notify({ NOTIFY_SOCKET: await listen() });
  own.ready();
  for (let count = 0; count < 20; count += 1) own.tell(`status ${count}`);
  await eventually("the last one is heard", () => words().includes("STATUS=status 19"));
  expect(words()).toEqual(["READY=1", "STATUS=status 0", "STATUS=status 19"]);
});

it("sends the same status only once, however often it is told", async () => {
  const own = notify({ NOTIFY_SOCKET: await listen(), WATCHDOG_USEC: "900000" });
  await eventually("signs of life for longer than a pause between two statuses", () => {
    own.tell("ready");
    return signsOfLife() >= 10;
  });
  expect(words().filter((word) => word !== "WATCHDOG=1")).toEqual(["STATUS=ready"]);
});

it("says again what the manager did not take in, the newest of each kind", async () => {
  const path = join(dir, "notify.sock");
  const own = notify({ NOTIFY_SOCKET: path });
  own.ready();
  own.tell("starting");
  await eventually("the first try has failed", () => logged.length === 1);
  own.tell("ready");
  expect(await listen()).toBe(path);
  await eventually("both are heard", () => words().includes("STATUS=ready"));
  expect(words()).toContain("READY=1");
  expect(words().at(-1)).toBe("STATUS=ready");
});

it("asks for patience while it ends, at once and again", async () => {
  const own = notify({ NOTIFY_SOCKET: await listen() });
  own.stopping();
  own.stopping();
  await eventually("it is heard", () => words().length >= 2);
  expect(words()).toEqual(["STOPPING=1", "EXTEND_TIMEOUT_USEC=40000000"]);
});

it("gives signs of life at a third of the limit", async () => {
  notify({ NOTIFY_SOCKET: await listen(), WATCHDOG_USEC: "300000", WATCHDOG_PID: String(process.pid) });
  await eventually("three signs of life", () => signsOfLife() >= 3);
});

it.each([
  { whom: "another process", WATCHDOG_USEC: "30000", WATCHDOG_PID: "1" },
  { whom: "nobody", WATCHDOG_USEC: "", WATCHDOG_PID: "" },
  { whom: "nobody in time", WATCHDOG_USEC: "soon", WATCHDOG_PID: String(process.pid) },
])("gives none where $whom is watched", async ({ WATCHDOG_USEC, WATCHDOG_PID }) => {
  // The first sign would be the first word.
  const own = notify({ NOTIFY_SOCKET: await listen(), WATCHDOG_USEC, WATCHDOG_PID });
  own.ready();
  await eventually("it says something else", () => words().length > 0);
  expect(words()).toEqual(["READY=1"]);
});

/**
 * A `systemd-notify` on PATH that notes what it was to say, and ends with `code`. Gives what was
 * noted so far.
 */
async function standIn(code: number): Promise<() => Promise<readonly string[]>> {
  const [bin, noted] = [join(dir, "bin"), join(dir, "noted")];
  await mkdir(bin);
  await writeFile(join(bin, "systemd-notify"), `#!/bin/sh\necho "$*" >>"${noted}"\nexit ${code}\n`, { mode: 0o755 });
  const path = process.env["PATH"];
  process.env["PATH"] = `${bin}:${path}`;
  scope.defer(() => void (process.env["PATH"] = path));
  return async () => (await readFile(noted, "utf8").catch(() => "")).split("\n").filter(Boolean);
}

it("starts no program where nobody listens", async () => {
  const noted = await standIn(0);
  const own = notify({ WATCHDOG_USEC: "1000" });
  own.ready();
  own.stopping();
  notify({ NOTIFY_SOCKET: "/somewhere" }).tell("the other");
  await eventually("the other one is noted", async () => (await noted()).length > 0);
  expect(await noted()).toEqual(["STATUS=the other"]);
});

it("logs once, and goes on, where systemd does not hear", async () => {
  const noted = await standIn(1);
  const own = notify({ NOTIFY_SOCKET: "/nowhere" });
  for (const status of ["one", "two", "three"]) {
    own.tell(status);
    await eventually(`"${status}" was tried`, async () => (await noted()).includes(`STATUS=${status}`));
  }
  expect(logged.map(([, event]) => event)).toEqual(["service.not-notified"]);
});

const NOTIFY = inTree("dist/agent/adapters/systemd/notify.js");
const WITH_SOCKET = inTree("tools/image/deb/files/with-notify-socket");

/** A process that says what it reads: "ready", or a status. */
const SPEAKER = `
import { SystemdNotify } from ${JSON.stringify(NOTIFY)};
const silent = { debug() {}, info() {}, warn() {}, error() {} };
const own = new SystemdNotify({ environment: process.env, pid: process.pid, log: silent });
process.stdin.on("data", (piece) => {
  for (const line of String(piece).split("\\n").filter(Boolean)) line === "ready" ? own.ready() : own.tell(line);
});
process.stdout.write("up\\n");
`;

/** One that is started as the units start it. Resolves when it is up. */
async function speaker(environment: Readonly<Record<string, string>>): Promise<(line: string) => void> {
  const program = [process.execPath, "--input-type=module", "--eval", SPEAKER];
  const env = { PATH: process.env["PATH"], ...environment };
  const child = spawn(WITH_SOCKET, program, { stdio: ["pipe", "pipe", "inherit"], env });
  const ended = once(child, "exit");
  scope.defer(async () => {
    child.kill("SIGKILL");
    await ended;
  });
  await once(child.stdout, "data");
  return (line) => void child.stdin.write(`${line}\n`);
}

it.each(["/", "@"])("writes to the socket that it inherits (%s…), and starts no program", async (kind) => {
  const noted = await standIn(0);
  const address = kind === "/" ? join(dir, "notify.sock") : `@${dir}`;
  (await listener(address)).read();
  const say = await speaker({ NOTIFY_SOCKET: address, WATCHDOG_USEC: "300000" });
  say("ready");
  say("serving");
  await eventually("all of it is heard", () => words().includes("STATUS=serving") && signsOfLife() >= 3);
  expect(words()).toContain("READY=1");
  expect(await noted()).toEqual([]);
});

it("is ready in the end where the manager's queue was full", async () => {
  const noted = await standIn(0);
  const path = join(dir, "notify.sock");
  const manager = await listener(path);
  const fill = ["-e", FILLER, path];
  const filler = spawn("perl", fill, { stdio: "inherit" });
  expect(await once(filler, "exit")).toEqual([0, null]);
  const say = await speaker({ NOTIFY_SOCKET: path });
  say("ready");
  say("serving");
  manager.read();
  await eventually("both are heard", () => words().includes("READY=1") && words().includes("STATUS=serving"));
  expect(await noted()).toEqual([]);
});

it("asks systemd-notify where the other end of its socket is gone, and where it has none", async () => {
  const noted = await standIn(0);
  const path = join(dir, "notify.sock");
  const manager = await listener(path);
  const say = await speaker({ NOTIFY_SOCKET: path });
  await manager.end();
  say("gone");
  await eventually("it is noted", async () => (await noted()).includes("STATUS=gone"));
  (await speaker({ NOTIFY_SOCKET: "/nowhere" }))("none");
  await eventually("it is noted", async () => (await noted()).includes("STATUS=none"));
});
