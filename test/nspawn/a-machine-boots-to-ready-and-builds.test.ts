import { readdir, readFile } from "node:fs/promises";
import { expect, it } from "vitest";
import { sharedMachine } from "./stage/shared-machine.ts";

const machine = sharedMachine();
const CONTROL = "builder-agent-control.service";
const OURS = ["builder-agent.socket", "builder-agent-volume.socket", "builder-agent-gateway.service", CONTROL] as const;

/** The agent's own share of a boot, without BuildKit and without a volume's format. */
const BOOT_BAR_MS = 1_500;
const STARTS = 5;

/** Since the machine's first unit of ours began to start, as the clock of both counts. */
async function ownShareMs(): Promise<number> {
  const starts = await Promise.all(
    OURS.map(async (unit) => {
      const { InactiveExitTimestampMonotonic: at } = await machine().container.show(
        unit,
        "InactiveExitTimestampMonotonic",
      );
      return Number(at) / 1_000;
    }),
  );
  const first = Math.min(...starts);
  const ready = await machine().untilEntry(CONTROL, "agent.ready", first);
  const chapters = ready.data["chapters"] as readonly { readonly name: string; readonly tookMs: number }[];
  const others = chapters.filter(({ name }) => name === "buildkit" || name === "cache-volume");
  expect(others).toHaveLength(2);
  return Math.round(ready.monoMs - first - others.reduce((sum, { tookMs }) => sum + tookMs, 0));
}

// Noise of a shared machine only ever adds: one start out of several under the bar proves it.
it("is ready within 1.5 s of its first unit's start, but for BuildKit's and the cache's", async () => {
  const tookMs = [await ownShareMs()];
  while (Math.min(...tookMs) >= BOOT_BAR_MS && tookMs.length < STARTS) {
    await machine().container.run("systemctl", ["stop", "builder-agent.target"]);
    await machine().container.run("systemctl", ["start", "builder-agent.target"]);
    tookMs.push(await ownShareMs());
  }
  console.log(`the agent's own share of a boot: ${tookMs.join(", ")} ms`);
  expect(Math.min(...tookMs)).toBeLessThan(BOOT_BAR_MS);
});

it.each(["builder-agent-gateway.service", "builder-agent-control.service"])(
  "has told systemd of %s, in words",
  async (unit) => {
    const { ActiveState, SubState, StatusText, WatchdogTimestampMonotonic, NRestarts } = await machine().container.show(
      unit,
      ...(["ActiveState", "SubState", "StatusText", "WatchdogTimestampMonotonic", "NRestarts"] as const),
    );
    expect([ActiveState, SubState, NRestarts]).toEqual(["active", "running", "0"]);
    expect(Number(WatchdogTimestampMonotonic)).toBeGreaterThan(0);
    expect(StatusText).toMatch(unit.includes("gateway") ? /^Listening on \[::\]:8443$/ : /^ready/i);
  },
);

it("builds, on a cache that it says is not encrypted", async () => {
  expect(await machine().buildOnce("hello")).toBe("hello");
  const status = JSON.parse(await machine().container.run("builder-agent", ["status", "--json"])) as {
    readonly ready: boolean;
    readonly checks: readonly { readonly name: string; readonly message: string }[];
  };
  expect(status.ready).toBe(true);
  expect(status.checks.find(({ name }) => name === "encryption")?.message).toMatch(/NOT ENCRYPTED/);
});

it("has no unit that failed", async () => {
  expect(await machine().container.run("systemctl", ["--failed", "--no-legend", "--plain"])).toBe("");
});

it.each(["builder-agent-gateway.service", "builder-agent-control.service"])(
  "runs %s with no privilege, under a filter",
  async (unit) => {
    const status = await readFile(`/proc/${await machine().container.mainPid(unit)}/status`, "utf8");
    for (const set of ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"])
      expect(status).toMatch(new RegExp(`^${set}:\\t0+$`, "m"));
    expect(status).toMatch(/^NoNewPrivs:\t1$/m);
    expect(status).toMatch(/^Seccomp:\t2$/m);
    expect(status).not.toMatch(/^Uid:\t0\t/m);
  },
);

it("lets the gateway see its program, its configuration, its directory and BuildKit's socket, and nothing else", async () => {
  const root = `/proc/${await machine().container.mainPid("builder-agent-gateway.service")}/root`;
  expect(await readdir(`${root}/run/builder-agent`)).toEqual(["buildkit", "gateway"]);
  expect(await readdir(`${root}/etc`)).toEqual(["builder-agent", "ld.so.cache"]);
  for (const dir of ["var/lib/builder-agent", "home", "root"])
    expect(await readdir(`${root}/${dir}`).catch(() => [])).toEqual([]);
});

it("leaves the gateway without a network but the socket that it was given", async () => {
  const { container } = machine();
  const pid = await container.mainPid("builder-agent-gateway.service");
  const interfaces = await readFile(`/proc/${pid}/net/dev`, "utf8");
  expect(interfaces.match(/^\s*[a-z]\S*:/gm)).toEqual(["    lo:"]);
  expect(await readFile(`/proc/${pid}/net/tcp6`, "utf8")).not.toMatch(/^\s+\d+:/m);
});

it.each([
  ["start", "ssh.service"],
  ["stop", "builder-agent-gateway.service"],
  ["start", "builder-agent-terminal@1.service"],
  ["kill", "tailscaled.service"],
  ["daemon-reload", ""],
  ["poweroff", ""],
])("refuses control to %s %s", async (verb, unit) => {
  const asked = ["--user", "builder-control", "--", "systemctl", "--no-ask-password", verb, unit].filter(Boolean);
  await expect(machine().container.run("runuser", asked)).rejects.toThrow(/denied|authentication required/i);
});

it("refuses the gateway's user to touch BuildKit's unit", async () => {
  const asked = ["--user", "builder-gateway", "--", "systemctl", "--no-ask-password", "stop", "buildkitd.service"];
  await expect(machine().container.run("runuser", asked)).rejects.toThrow(/denied|authentication required/i);
});

it("lets control kill BuildKit's unit, for a drain that is in a hurry", async () => {
  const asked = ["--user", "builder-control", "--", "systemctl", "--no-ask-password", "kill", "--signal=CONT"];
  await machine().container.run("runuser", [...asked, "--kill-whom=all", "buildkitd.service"]);
});
