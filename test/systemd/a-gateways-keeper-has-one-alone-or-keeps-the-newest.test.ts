import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { inTree } from "../../sandbox/stack/tree.ts";
import { eventually } from "../journeys/stage/eventually.ts";

/** Says who it is and what it is told, and ends at SIGTERM or when a file of its place says how. */
const GATEWAY = `
$| = 1;
my ($dir) = @ARGV;
my $isBroken = -e "$dir/broken";
my $seat = $ENV{BUILDER_AGENT_SEAT} // "alone";
$SIG{HUP} = sub { print "$$ $seat took again\\n" };
$SIG{TERM} = sub { print "$$ $seat told to end\\n"; exit 0 };
print "$$ $seat began ", join(",", map { $_ // "-" } @ENV{qw(LISTEN_FDS LISTEN_PID WATCHDOG_USEC WATCHDOG_PID)}), "\\n";
exit 3 if $isBroken;
select undef, undef, undef, 0.02 while 1;
`;

/** For four starts and three pauses, on a machine that is very busy. */
const LONG_MS = 120_000;

let dir: string;
let keeper: ChildProcess;
let ended: Promise<unknown[]>;
let said = "";
let complained = "";

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "keeper-"));
  const program = ["perl", "-e", GATEWAY, dir];
  const env = { PATH: process.env["PATH"], LISTEN_FDS: "1", LISTEN_PID: "1", WATCHDOG_USEC: "30", WATCHDOG_PID: "1" };
  said = complained = "";
  keeper = spawn("perl", [inTree("tools/image/deb/files/keep-gateway"), join(dir, "last-end"), ...program], { env });
  keeper.stdout?.on("data", (piece: Buffer) => (said += piece.toString()));
  keeper.stderr?.on("data", (piece: Buffer) => (complained += piece.toString()));
  ended = once(keeper, "exit");
});

afterEach(async () => {
  keeper.kill("SIGTERM");
  await ended;
  rmSync(dir, { recursive: true });
});

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
  expect(said).toMatch(/ alone began 1,-,30,-$/m);
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
