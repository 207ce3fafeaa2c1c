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
