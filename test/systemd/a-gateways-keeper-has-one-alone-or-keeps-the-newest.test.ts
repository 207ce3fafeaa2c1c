import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { inTree } from "../../sandbox/stack/tree.ts";
import { eventually } from "../journeys/stage/eventually.ts";

/**
 * Says who it is and what it is told, that it lives, and ends at SIGTERM or when a file of its
 * place says how.
 */
const GATEWAY = `
$| = 1;
my ($dir) = @ARGV;
my $isBroken = -e "$dir/broken";
my $seat = $ENV{BUILDER_AGENT_SEAT} // "alone";
$SIG{HUP} = sub { print "$$ $seat took again\\n" };
$SIG{TERM} = sub { print "$$ $seat told to end\\n"; exit 0 };
print "$$ $seat began ", join(",", map { $_ // "-" } @ENV{qw(LISTEN_FDS LISTEN_PID WATCHDOG_USEC WATCHDOG_PID)}), "\\n";
exit 3 if $isBroken;
open my $keeper, ">&=", $ENV{ALIVE_FD} or die if defined $ENV{ALIVE_FD};
while (1) {
  syswrite $keeper, "." if $keeper && !-e "$dir/older-release";
  select undef, undef, undef, 0.02;
}
`;

/** Hears what systemd hears of the unit. */
const MANAGER = `
use Socket;
$| = 1;
socket(my $s, PF_UNIX, SOCK_DGRAM, 0) or die;
bind($s, pack_sockaddr_un($ARGV[0])) or die;
print "listening\n";
while (defined(recv($s, my $said, 4096, 0))) { print "$said\n" }
`;

/** For four starts and three pauses, on a machine that is very busy. */
const LONG_MS = 120_000;

let dir: string;
let keeper: ChildProcess;
let ended: Promise<unknown[]>;
let manager: ChildProcess;
let heardOfUnit = "";
let said = "";
let complained = "";

beforeEach(async ({ onTestFailed }) => {
  onTestFailed(() => console.error(`The gateways said:\n${said}\nThe keeper said:\n${complained}`));
  dir = mkdtempSync(join(tmpdir(), "keeper-"));
  heardOfUnit = "";
  manager = spawn("perl", ["-e", MANAGER, join(dir, "notify")], { stdio: ["ignore", "pipe", "inherit"] });
  manager.stdout?.on("data", (piece: Buffer) => (heardOfUnit += piece.toString()));
  await eventually("somebody listens as systemd does", () => heardOfUnit.includes("listening"));
  const program = ["perl", "-e", GATEWAY, dir];
  const watchdog = { WATCHDOG_USEC: "3000000", WATCHDOG_PID: "1", NOTIFY_SOCKET: join(dir, "notify") };
  const env = { PATH: process.env["PATH"], LISTEN_FDS: "1", LISTEN_PID: "1", ...watchdog };
  said = complained = "";
  keeper = spawn("perl", [inTree("tools/image/deb/files/keep-gateway"), join(dir, "last-end"), ...program], { env });
  keeper.stdout?.on("data", (piece: Buffer) => (said += piece.toString()));
  keeper.stderr?.on("data", (piece: Buffer) => (complained += piece.toString()));
  // And all that any of them said has been heard: none of it is taken for the next test's.
  ended = once(keeper, "close");
});

afterEach(async () => {
  keeper.kill("SIGTERM");
  // One that a failed test has left hanging hears of it.
  for (const { pid } of begun()) goOn(pid);
  await ended;
  manager.kill("SIGKILL");
  rmSync(dir, { recursive: true });
});

/** Harmless for one that is gone. */
function goOn(pid: number): void {
  try {
    process.kill(pid, "SIGCONT");
  } catch {
    // It has ended by itself, as it should.
  }
}

/** Those that began, by process and place, the oldest first. */
const begun = () =>
  [...said.matchAll(/^(\d+) (\S+) began (\S+)$/gm)].map(([, pid, seat]) => ({ pid: Number(pid), seat }));
const lastEnd = (): string => readFileSync(join(dir, "last-end"), "utf8");

function isThere(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

/** The newest, once so many have begun. */
async function gateways(count: number) {
  return eventually(`${count} gateways have begun`, () => begun().length >= count && begun().at(-1));
}

async function replace(count: number) {
  keeper.kill("SIGUSR2");
  return gateways(count);
}

it("hands on the socket and the signs of life, less what names its own process", async () => {
  await gateways(1);
  expect(said).toMatch(/ alone began 1,-,3000000,-$/m);
});

it.each([
  ["SIGKILL", [null, "SIGKILL"]],
  ["SIGTERM", [0, null]],
] as const)("ends as a gateway does that is alone: %s", async (signal, how) => {
  const one = await gateways(1);
  process.kill(one?.pid ?? 0, signal);
  expect(await ended).toEqual(how);
});

it("lets the older one run to its end beside the newest, and goes on as long as that", async () => {
  const old = await gateways(1);
  const young = await replace(2);
  expect(young?.seat).toBe("2");
  process.kill(old?.pid ?? 0, "SIGTERM");
  await eventually("the old one is gone", () => !isThere(old?.pid ?? 0));
  const third = await replace(3);
  expect(third?.seat).toBe("1");
  expect(begun()).toHaveLength(3);
  expect(keeper.exitCode).toBeNull();
});

it("says of an old one that is killed how it ended, and starts nobody for it", async () => {
  const old = await gateways(1);
  await replace(2);
  process.kill(old?.pid ?? 0, "SIGKILL");
  await eventually("its end is noted", () => complained.includes("killed KILL"));
  expect(lastEnd()).toBe("killed KILL\n");
  await replace(3);
  expect(begun()).toHaveLength(3);
});

it("starts the newest again, beside those that finish, and says how it ended", async () => {
  await gateways(1);
  const young = await replace(2);
  process.kill(young?.pid ?? 0, "SIGKILL");
  const again = await gateways(3);
  expect(again?.seat).toBe("2");
  expect(lastEnd()).toBe("killed KILL\n");
});

it("pauses longer and longer before one that does not last, and lets the old one be", {
  timeout: 2 * LONG_MS,
}, async () => {
  await gateways(1);
  writeFileSync(join(dir, "broken"), "");
  await replace(2);
  await eventually("it pauses", () => /next start is in 2 s/.test(complained), LONG_MS);
  expect(complained.match(/next start is in \d+ s/g)).toEqual(["next start is in 1 s", "next start is in 2 s"]);
  expect(lastEnd()).toBe("exited 3\n");
  expect(keeper.exitCode).toBeNull();
  rmSync(join(dir, "broken"));
  await gateways(5);
});

it("has four at most, and says so of a fifth", async () => {
  await gateways(1);
  for (const count of [2, 3, 4]) expect((await replace(count))?.seat).toBe(String(count));
  keeper.kill("SIGUSR2");
  await eventually("a fifth is refused", () => complained.includes("Not replaced: 4 gateways run"));
  expect(begun()).toHaveLength(4);
});

it("tells every one of them to take its configuration again, and to end", async () => {
  await gateways(1);
  await replace(2);
  keeper.kill("SIGHUP");
  await eventually("both took it", () => said.match(/took again/g)?.length === 2);
  keeper.kill("SIGTERM");
  expect(await ended).toEqual([0, null]);
  expect(said.match(/told to end/g)).toHaveLength(2);
});

describe("of gateways that hang", () => {
  it("kills the newest alone, says so, and starts another beside the one that finishes", async () => {
    const old = await gateways(1);
    const young = await replace(2);
    process.kill(young?.pid ?? 0, "SIGSTOP");
    const again = await gateways(3);
    expect(again?.seat).toBe("2");
    expect(lastEnd()).toBe("hung KILL\n");
    expect(complained).toContain(`The gateway of process ${young?.pid} has given no sign of life for 3 s`);
    expect([isThere(old?.pid ?? 0), isThere(young?.pid ?? 0)]).toEqual([true, false]);
  });

  it("kills one that finishes alone, says so, and starts nobody for it", async () => {
    const old = await gateways(1);
    const young = await replace(2);
    process.kill(old?.pid ?? 0, "SIGSTOP");
    await eventually("it is gone", () => !isThere(old?.pid ?? 0));
    await eventually("its end is noted", () => complained.includes("has ended (hung KILL)"));
    expect(lastEnd()).toBe("hung KILL\n");
    expect(isThere(young?.pid ?? 0)).toBe(true);
    expect(begun()).toHaveLength(2);
  });

  it("kills none of a release that gives it no signs of life", async () => {
    writeFileSync(join(dir, "older-release"), "");
    const old = await gateways(1);
    await replace(2);
    process.kill(old?.pid ?? 0, "SIGSTOP");
    const looks = () => heardOfUnit.match(/WATCHDOG=1/g)?.length ?? 0;
    await eventually("it was looked at often enough", () => looks() >= 6);
    expect(isThere(old?.pid ?? 0)).toBe(true);
    process.kill(old?.pid ?? 0, "SIGCONT");
  });

  it("gives systemd signs of life only while there are several: one that hangs alone is the watchdog's", async () => {
    const old = await gateways(1);
    await new Promise((resolve) => setTimeout(resolve, 1_500));
    expect(heardOfUnit).not.toContain("WATCHDOG=1");
    const young = await replace(2);
    await eventually("systemd has heard of the unit", () => heardOfUnit.includes("WATCHDOG=1"));
    process.kill(old?.pid ?? 0, "SIGTERM");
    await eventually("the old one is gone", () => !isThere(old?.pid ?? 0));
    process.kill(young?.pid ?? 0, "SIGSTOP");
    heardOfUnit = "";
    await new Promise((resolve) => setTimeout(resolve, 2_500));
    expect(heardOfUnit).not.toContain("WATCHDOG=1");
    expect(isThere(young?.pid ?? 0)).toBe(true);
    process.kill(young?.pid ?? 0, "SIGCONT");
  });
});
