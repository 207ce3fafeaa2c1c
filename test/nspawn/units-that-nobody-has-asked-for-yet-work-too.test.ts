import { readFile } from "node:fs/promises";
import { expect, it } from "vitest";
import { eventually } from "../journeys/stage/eventually.ts";
import { sharedMachine } from "./stage/shared-machine.ts";

const machine = sharedMachine();

it("tailscaled comes up under its confinement, answers, and takes its interface with it", async () => {
  const { container } = machine();
  await container.run("systemctl", ["start", "tailscaled.service"]);
  const socket = "/run/builder-agent/tailnet/tailscaled.sock";
  const status = await container.run("/usr/lib/builder-agent/bin/tailscale", [
    ...[`--socket=${socket}`, "status", "--json"],
  ]);
  expect(JSON.parse(status)).toMatchObject({ BackendState: "NeedsLogin" });
  expect(await container.run("ip", ["-brief", "link"])).toContain("tailscale0");
  await container.run("systemctl", ["stop", "tailscaled.service"]);
  expect(await container.run("ip", ["-brief", "link"])).not.toContain("tailscale0");
  expect(await container.show("tailscaled.service", "Result")).toEqual({ Result: "success" });
});

it("tailscaled is control's to steer, keeps its keys when it is killed and forgets them when it is stopped, and lets names be", async () => {
  const { container } = machine();
  const names = await container.run("cat", ["/etc/resolv.conf"]).catch(() => "");
  const state = "/run/builder-agent/tailnet/state/tailscaled.state";
  await container.run("systemctl", ["start", "tailscaled.service"]);
  const prefs = await container.run("/usr/lib/builder-agent/bin/tailscale", [
    ...["--socket=/run/builder-agent/tailnet/tailscaled.sock", "debug", "prefs"],
  ]);
  expect(JSON.parse(prefs)).toMatchObject({ OperatorUser: "builder-control" });
  await container.run("systemctl", ["kill", "--signal=KILL", "tailscaled.service"]);
  await eventually(
    "it is seen to be dead",
    async () => (await container.show("tailscaled.service", "ActiveState"))["ActiveState"] === "failed",
  );
  await container.run("test", ["-s", state]);
  expect(await container.run("ip", ["rule"])).not.toMatch(/^52\d\d:/m);
  await container.run("systemctl", ["start", "tailscaled.service"]);
  await container.run("systemctl", ["stop", "tailscaled.service"]);
  expect(await container.run("ls", ["-A", "/run/builder-agent/tailnet"])).not.toContain("state");
  expect(await container.run("cat", ["/etc/resolv.conf"]).catch(() => "")).toBe(names);
});

/** Holds a terminal, and the place of its other end in a file, until it is killed. */
const HOLDER =
  "exec script --quiet --flush --command 'tty >/run/held-terminal; sleep 60' /run/typescript </dev/zero >/dev/null";

it("a debug terminal is a shell without power on a terminal that another process holds, and ends with all that it started", async () => {
  const { container } = machine();
  const holder = container.run("sh", ["-c", HOLDER], 90_000).catch(() => "");
  const pts = await eventually(
    "a terminal is held",
    async () => /\/dev\/pts\/(\d+)/.exec(await container.run("cat", ["/run/held-terminal"]).catch(() => ""))?.[1],
  );
  const unit = `builder-agent-terminal@${pts}.service`;
  await container.run("systemctl", ["start", unit]);
  await eventually("the shell asks for a command", async () =>
    (await container.run("cat", ["/run/typescript"])).includes("builder-terminal@"),
  );
  const status = await readFile(`/proc/${await container.mainPid(unit)}/status`, "utf8");
  for (const line of [/^CapEff:\t0+$/m, /^NoNewPrivs:\t1$/m, /^Seccomp:\t2$/m]) expect(status).toMatch(line);
  await container.run("systemctl", ["stop", unit]);
  expect(await container.show(unit, "ActiveState")).toEqual({ ActiveState: "inactive" });
  await container.run("pkill", ["--full", "script --quiet"]);
  await holder;
});
