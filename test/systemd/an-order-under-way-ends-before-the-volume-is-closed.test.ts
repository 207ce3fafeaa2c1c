import { expect, it } from "vitest";
import { UNIT_NAMES } from "../../agent/adapters/systemd/unit-names.ts";
import { valuesOf } from "./units.ts";

const [ORDER, VOLUME] = ["builder-agent-volume@.service", UNIT_NAMES["cache-volume"]];

function namesIn(unit: string, setting: string): readonly string[] {
  return valuesOf(unit, setting).flatMap((value) => value.split(" "));
}

it("whoever closes is there before anybody opens, so that its stop always closes", () => {
  expect(namesIn(ORDER, "Requires")).toContain(VOLUME);
  expect(namesIn(ORDER, "After")).toContain(VOLUME);
  // It must not fail where nothing is open yet, and must stay.
  expect(valuesOf(VOLUME, "ExecStart")).toEqual([]);
  expect(valuesOf(VOLUME, "Type")).toEqual(["oneshot"]);
  expect(valuesOf(VOLUME, "RemainAfterExit")).toEqual(["yes"]);
  expect(valuesOf(VOLUME, "ExecStop").join(" ")).toMatch(/ volume close$/);
});

it("an order that is under way is told to end, and given the time to close what it opened", () => {
  expect(valuesOf(ORDER, "KillMode")).toEqual(["mixed"]);
  expect(valuesOf(ORDER, "TimeoutStopSec")).toEqual(["30s"]);
});

it("and when the machine stops, not before control has given it up", () => {
  expect(namesIn(ORDER, "Before")).toContain("builder-agent-control.service");
  expect(namesIn("builder-agent-control.service", "After")).toContain(VOLUME);
});
