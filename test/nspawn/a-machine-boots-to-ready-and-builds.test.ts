import { readdir, readFile } from "node:fs/promises";
import { expect, it } from "vitest";
import { eventually } from "../journeys/stage/eventually.ts";
import { sharedMachine } from "./stage/shared-machine.ts";

const machine = sharedMachine();

it.each([
  { unit: "builder-agent-gateway.service", words: /^Listening on \[::\]:8443$/ },
  { unit: "builder-agent-control.service", words: /^ready/i },
])("has told systemd of $unit, in words", async ({ unit, words }) => {
  const asked = ["ActiveState", "SubState", "NRestarts", "StatusText", "WatchdogTimestampMonotonic"] as const;
  const told = await eventually(`${unit} has the words ${words}`, async () => {
    const now = await machine().container.show(unit, ...asked);
    return words.test(now.StatusText) && now;
  });
  expect([told.ActiveState, told.SubState, told.NRestarts]).toEqual(["active", "running", "0"]);
  expect(Number(told.WatchdogTimestampMonotonic)).toBeGreaterThan(0);
});

it("builds, on a cache that it says is not encrypted", async () => {
  expect(await machine().buildOnce("hello")).toBe("hello");
  const status = JSON.parse(await machine().container.run("builder-agent", ["status", "--json"])) as {
    readonly ready: boolean;
    readonly checks: readonly { readonly name: string; readonly message: string }[];
  };
  expect(status.ready).toBe(true);
  expect(status.checks.find(({ name }) => name === "encryption")?.message).toMatch(/NOT ENCRYPTED/);
});

it("lets buildkitd keep as much of a step's log as is wanted", async () => {
  const pid = await machine().container.mainPid("buildkitd.service");
  const environment = (await readFile(`/proc/${pid}/environ`, "utf8")).split("\0");
  expect(environment).toEqual(
    expect.arrayContaining(["BUILDKIT_STEP_LOG_MAX_SIZE=10485760", "BUILDKIT_STEP_LOG_MAX_SPEED=10485760"]),
  );
});

it("has a guarded network for builds, tried from inside", async () => {
  const { container } = machine();
  expect(await container.run("builder-agent", ["network", "show"])).toMatch(/^guard +in force$/m);
  const report: unknown = JSON.parse(await container.run("builder-agent", ["doctor", "isolation", "--json"]));
  expect(report).toMatchObject({ isolated: true });
});

it("lets buildkitd ask the machine for names, also once systemd-resolved has replaced the machine's own file", async () => {
  const { container } = machine();
  const own = "/run/systemd/resolve/stub-resolv.conf";
  await container.run("sh", ["-c", `cp ${own} ${own}.new && mv ${own}.new ${own}`]);
  const seen = `/proc/${await container.mainPid("buildkitd.service")}/root/etc/resolv.conf`;
  expect(await readFile(seen, "utf8")).toBe("nameserver 198.18.224.1\n");
  expect(await container.run("cat", ["/etc/resolv.conf"])).toContain("nameserver 127.0.0.53");
});

it.each(["builder-agent-gateway.service", "builder-agent-control.service"])(
  "gives each line of %s its priority in the journal",
  async (unit) => {
    const priorities = { debug: 7, info: 5, warn: 4, error: 3 } as const;
    const ours = (await machine().entries(unit)).filter(({ data }) => "level" in data);
    expect(ours.length).toBeGreaterThan(0);
    for (const { priority, data } of ours) expect(priority).toBe(priorities[data["level"] as keyof typeof priorities]);
  },
);

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
