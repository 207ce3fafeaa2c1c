import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { SystemdNotify } from "../../agent/adapters/systemd/notify.ts";
import { Scope } from "../../agent/lifecycle/scope.ts";
import type { LogData } from "../../agent/ports/log.ts";
import { TempDir } from "../../sandbox/stack/temp-dir.ts";
import { eventually } from "../journeys/stage/eventually.ts";
import { needsProgram } from "./tool.ts";

needsProgram("/usr/bin/systemd-notify", "/usr/bin/perl");

/** Node has no datagram sockets; every Debian has this. */
const LISTENER = `
use Socket;
socket(my $s, PF_UNIX, SOCK_DGRAM, 0) or die;
bind($s, sockaddr_un($ARGV[0])) or die;
$| = 1;
print "listening\\n";
while (defined(recv($s, my $said, 65536, 0))) { print map { "$_\\n" } split /\\n/, $said }
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

async function listen(): Promise<string> {
  const path = join(dir, "notify.sock");
  const listener = spawn("perl", ["-e", LISTENER, path], { stdio: ["ignore", "pipe", "inherit"] });
  const ended = once(listener, "exit");
  scope.defer(async () => {
    listener.kill("SIGKILL");
    await ended;
  });
  listener.stdout.on("data", (piece: Buffer) => (heard += piece.toString()));
  await eventually("the listener listens", () => heard.includes("listening\n"));
  heard = "";
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

it("says that it is ready, then what it does, in one line", async () => {
  const own = notify({ NOTIFY_SOCKET: await listen() });
  own.ready();
  own.tell("ready,\n\twith  two builds");
  await eventually("both are heard", () => words().length === 2);
  expect(words()).toEqual(["READY=1", "STATUS=ready, with two builds"]);
  expect(logged).toEqual([]);
});

it("says only the newest of what waits to be said", async () => {
  const own = notify({ NOTIFY_SOCKET: await listen() });
  own.ready();
  for (let count = 0; count < 20; count += 1) own.tell(`status ${count}`);
  await eventually("the last one is heard", () => words().includes("STATUS=status 19"));
  expect(words()).toEqual(["READY=1", "STATUS=status 19"]);
});

it("says again what the manager did not take in, the newest of each kind", async () => {
  const path = join(dir, "notify.sock");
  const own = notify({ NOTIFY_SOCKET: path });
  own.ready();
  own.tell("starting");
  await eventually("the first try has failed", () => logged.length === 1);
  own.tell("ready");
  expect(await listen()).toBe(path);
  await eventually("both are heard", () => words().length === 2);
  expect(words().toSorted()).toEqual(["READY=1", "STATUS=ready"]);
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
  await eventually("three signs of life", () => words().filter((word) => word === "WATCHDOG=1").length >= 3);
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

/** A `systemd-notify` on PATH that notes what it was to say, and ends with `code`. Gives what was noted so far. */
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
