import { join } from "node:path";
import { expect, it } from "vitest";
import { said } from "./tool.ts";
import { UNIT_FILES, UNITS_DIR, valuesOf } from "./units.ts";

/** What `systemd-analyze security` calls the exposure, from 0 to 10: no unit may come to more. */
const BARS = [
  { unit: "builder-agent-gateway.service", exposure: 0.3 },
  { unit: "builder-agent-control.service", exposure: 1.2 },
  { unit: "builder-agent-volume@.service", exposure: 2.2 },
  { unit: "builder-agent-volume.service", exposure: 2.2 },
  { unit: "builder-agent-network@.service", exposure: 2.8 },
  { unit: "builder-agent-network-watch.service", exposure: 2.2 },
  { unit: "builder-agent-cache-watch.service", exposure: 1.5 },
  { unit: "builder-agent-again.service", exposure: 1.5 },
  { unit: "builder-agent-trim.service", exposure: 2.2 },
  { unit: "builder-agent-buildkit-metrics.service", exposure: 0.7 },
  { unit: "builder-agent-sweep.service", exposure: 1.5 },
  { unit: "builder-agent-terminal@.service", exposure: 2.2 },
  // Root's shell is root's, and only where the machine's configuration allows one.
  { unit: "builder-agent-terminal-root@.service", exposure: 9.6 },
  { unit: "tailscaled.service", exposure: 2.2 },
  { unit: "buildkitd.service", exposure: 6.5 },
] as const;

it.each(BARS)("$unit is exposed by at most $exposure of 10", async ({ unit, exposure }) => {
  // The program counts in tenths.
  const threshold = `--threshold=${Math.round(exposure * 10)}`;
  const path = join(UNITS_DIR, unit);
  const { output, code } = await said("systemd-analyze", ["security", "--offline=true", "--no-pager", threshold, path]);
  expect(output).toContain("Overall exposure level");
  expect({ code, output: code === 0 ? "" : output }).toEqual({ code: 0, output: "" });
});

const SERVICES = UNIT_FILES.filter((unit) => unit.endsWith(".service"));

it("has a bar for every service", () => {
  expect(BARS.map(({ unit }) => unit).toSorted()).toEqual(SERVICES.toSorted());
});

it.each(SERVICES)("%s leaves nothing of its memory on a disk", (unit) => {
  expect(valuesOf(unit, "LimitCORE")).toEqual(["0"]);
  expect(valuesOf(unit, "MemorySwapMax")).toEqual(["0"]);
});

it.each(["builder-agent-gateway.service", "builder-agent-control.service"])(
  "%s is watched, comes back, and gives up where that does not help",
  (unit) => {
    expect(valuesOf(unit, "Type")).toEqual(["notify"]);
    expect(valuesOf(unit, "WatchdogSec")).toEqual(["30s"]);
    expect(valuesOf(unit, "Restart")).toEqual(["always"]);
    expect(valuesOf(unit, "RestartPreventExitStatus").join(" ")).toMatch(/\b78\b/);
  },
);

it("never forbids V8 to make code", () => {
  const forbidding = SERVICES.filter((unit) => valuesOf(unit, "MemoryDenyWriteExecute").includes("yes"));
  const node = forbidding.filter((unit) => valuesOf(unit, "ExecStart").some((command) => command.includes("/node ")));
  expect(node).toEqual([]);
});
