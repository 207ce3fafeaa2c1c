import { expect, it } from "vitest";
import { eventually } from "../journeys/stage/eventually.ts";
import { REF } from "./stage/machine.ts";
import { sharedMachine } from "./stage/shared-machine.ts";

const machine = sharedMachine({ requireEncryption: true, awaitReady: false });

/** Why it is not ready, by `builder-agent status`, once that is what is looked for. */
function notReadyBecause(what: RegExp): Promise<string> {
  return eventually(`the agent says ${what}`, async () => {
    const status = await machine().container.run("sh", ["-c", "builder-agent status 2>&1 || true"]);
    return /^not ready$/m.test(status) && what.exec(status)?.[0];
  });
}

it("stays unready while nobody names a device, and says so", async () => {
  await notReadyBecause(/cache-volume: Cannot be opened: this machine requires encryption, but neither[^\n]*/);
});

it("asks the root verb for the volume that is ordered, and says what that finds", async () => {
  const device = { device: "/dev/disk/by-id/none", filesystem: "ext4" };
  const key = { $case: "perBoot", value: {} } as const;
  machine().plane.wish(REF, { cacheVolume: { volumeId: "cache-1", ...device, key } });
  await notReadyBecause(/cache-volume: Cannot be opened: [^\n]*no device-mapper[^\n]*/);
  const entries = await machine().container.run("journalctl", ["--identifier=builder-agent-volume", "--output=cat"]);
  expect(entries).toContain("cache.no-device-mapper");
  expect(await machine().container.run("systemctl", ["--failed", "--no-legend", "--plain"])).toBe("");
});

it("never starts BuildKit", async () => {
  const { ActiveState, InactiveExitTimestampMonotonic } = await machine().container.show(
    "buildkitd.service",
    ...(["ActiveState", "InactiveExitTimestampMonotonic"] as const),
  );
  expect([ActiveState, InactiveExitTimestampMonotonic]).toEqual(["inactive", "0"]);
});

it("opens the root verb's socket to control alone", async () => {
  const owner = await machine().container.run("stat", ["--format=%U %a", "/run/builder-agent/volume.sock"]);
  expect(owner.trim()).toBe("builder-control 600");
});
