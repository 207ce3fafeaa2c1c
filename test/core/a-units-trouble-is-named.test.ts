import { describe, expect, it } from "vitest";
import { examined } from "../../agent/core/checks/examine.ts";
import type { Finding } from "../../agent/core/health.ts";
import type { Known } from "../../agent/core/known.ts";
import { CONFINEMENT } from "../../agent/core/units/confinement.ts";
import { OWN_UNIT_NAMES, type OwnUnit, type UnitSeen, type UnitsView } from "../../agent/core/units/own-units.ts";
import { UNIT_FILES, valuesOf } from "../systemd/units.ts";
import { FIXED, NOW, WELL } from "./sample.ts";

/** As its file makes it, as far as it has to be so. */
function made(name: OwnUnit): UnitSeen {
  const settings = (CONFINEMENT[name] ?? []).map(
    ({ setting }) => [setting, valuesOf(name, setting).join(" ")] as const,
  );
  return {
    ...{ name, load: "loaded", active: "active", result: "success", restarts: 0, file: "static", isStale: false },
    dropIns: [],
    settings: Object.fromEntries(settings),
  };
}

const MADE = OWN_UNIT_NAMES.map(made);
const [GATEWAY, WATCH, TARGET, BUILDKIT] = [
  "builder-agent-gateway.service",
  "builder-agent-cache-watch.service",
  "builder-agent.target",
  "buildkitd.service",
] as const;

function found(view: UnitsView, known: Partial<Known> = {}): Finding | undefined {
  return examined({ ...WELL, units: view, ...known }, NOW, FIXED).find(({ name }) => name === "units");
}

function withUnit(name: OwnUnit, over: Partial<UnitSeen>, lately = 0): UnitsView {
  const units = MADE.map((unit) => (unit.name === name ? { ...unit, ...over } : unit));
  return { at: "seen", units, lately: { [name]: lately } };
}

/** They come and go by themselves; what is amiss with them is nobody's but theirs. */
const PASSING = [
  "builder-agent-again.service",
  "builder-agent-buildkit-metrics.service",
  "builder-agent-sweep.service",
  "builder-agent-trim.service",
];

it("every unit of the package is known, but for those that come and go by themselves", () => {
  const lasting = UNIT_FILES.filter((unit) => !unit.endsWith(".slice") && !unit.includes("@"));
  expect([...OWN_UNIT_NAMES, ...PASSING].toSorted()).toEqual(lasting.toSorted());
});

it("units are well as the package makes them", () => {
  expect(found({ at: "seen", units: MADE, lately: {} })).toMatchObject({ state: "ok" });
});

describe("a unit is named, with what to type, and keeps no build out, when it", () => {
  const gateway = made(GATEWAY).settings;
  const buildkit = made(BUILDKIT).settings;
  it.each<{ is: string; name: OwnUnit; over: Partial<UnitSeen>; lately?: number; says: string; next: string }>([
    {
      is: "is masked",
      name: GATEWAY,
      over: { load: "masked" },
      says: "is masked",
      next: `systemctl unmask ${GATEWAY}`,
    },
    {
      is: "is missing",
      name: WATCH,
      over: { load: "not-found" },
      says: "is not installed",
      next: "install the package",
    },
    {
      is: "failed",
      name: GATEWAY,
      over: { active: "failed", result: "timeout" },
      says: "failed (timeout)",
      next: "journalctl",
    },
    { is: "is not up", name: WATCH, over: { active: "inactive" }, says: "is not up", next: `systemctl start ${WATCH}` },
    {
      is: "is disabled",
      name: TARGET,
      over: { file: "disabled" },
      says: "next boot",
      next: `systemctl enable ${TARGET}`,
    },
    {
      is: "was changed on disk only",
      name: GATEWAY,
      over: { isStale: true },
      says: "not in force",
      next: "daemon-reload",
    },
    {
      is: "comes back again and again",
      name: GATEWAY,
      over: {},
      lately: 3,
      says: "3 times within 5 min",
      next: "journalctl",
    },
    {
      is: "runs as root",
      name: GATEWAY,
      over: { settings: { ...gateway, User: "root" }, dropIns: ["/etc/systemd/system/x.conf"] },
      says: "User=root, not builder-gateway (by /etc/systemd/system/x.conf)",
      next: "systemctl revert",
    },
    {
      is: "may load modules",
      name: BUILDKIT,
      over: { settings: { ...buildkit, CapabilityBoundingSet: "cap_chown cap_sys_module" } },
      says: "CapabilityBoundingSet has cap_sys_module",
      next: "systemctl revert",
    },
    {
      is: "starts without the guard",
      name: BUILDKIT,
      over: { settings: { ...buildkit, ExecStartPre: "{ path=/bin/true }" } },
      says: "ExecStartPre is without network ensure",
      next: "systemctl revert",
    },
  ])("$is", ({ name, over, lately, says, next }) => {
    const finding = found(withUnit(name, over, lately));
    expect(finding).toMatchObject({ state: "failed", blocking: false });
    expect(finding?.message).toContain(name);
    expect(finding?.message).toContain(says);
    expect(finding?.remedy).toContain(next);
  });
});

it("nobody is told of a unit that waits for its turn", () => {
  expect(found(withUnit(BUILDKIT, { active: "inactive" }))?.state).toBe("ok");
  expect(found(withUnit(WATCH, { active: "inactive" }), { cache: { at: "opening" } })?.state).toBe("ok");
  expect(found(withUnit(GATEWAY, { active: "activating" }))?.state).toBe("ok");
  expect(found(withUnit(GATEWAY, {}, 2))?.state).toBe("ok");
});

it.each<{ view: UnitsView; state: Finding["state"] }>([
  { view: { at: "unknown" }, state: "unknown" },
  { view: { at: "unseen", because: "no bus" }, state: "unknown" },
  { view: { at: "none" }, state: "ok" },
])("of units that are $view.at is said: $state", ({ view, state }) => {
  expect(found(view)).toMatchObject({ state, blocking: false });
});
