import { expect, it } from "vitest";
import { FAULTS, faultOf } from "./faults/all.ts";
import { readOptions } from "./options.ts";
import { readSchedule, type Schedule, scheduleOf, tell } from "./schedule.ts";
import { shorten } from "./shorten.ts";

const MINUTE_MS = 60_000;
const SEEDS = Array.from({ length: 40 }, (_, seed) => seed * 7_919);
const given = { minutes: "2", without: [], "shrink-minutes": "10" } as const;

it("gives the same faults at the same times for a seed, and others for another", () => {
  expect(scheduleOf(7, 10 * MINUTE_MS)).toEqual(scheduleOf(7, 10 * MINUTE_MS));
  expect(scheduleOf(8, 10 * MINUTE_MS)).not.toEqual(scheduleOf(7, 10 * MINUTE_MS));
});

it("draws each fault there is, none that is left out, and none beyond the end", () => {
  const all = SEEDS.flatMap((seed) => scheduleOf(seed, 10 * MINUTE_MS, ["plane-gone"]).faults);
  const drawn = new Set(all.map(({ is }) => is));
  expect([...drawn].toSorted()).toEqual(
    Object.keys(FAULTS)
      .filter((is) => is !== "plane-gone")
      .toSorted(),
  );
  expect(Math.max(...all.map(({ atMs, holdsMs }) => atMs + holdsMs))).toBeLessThan(10 * MINUTE_MS);
});

it("lets no two faults of one lane be at the same time, and those of two lanes be", () => {
  for (const seed of SEEDS) {
    const { faults } = scheduleOf(seed, 10 * MINUTE_MS);
    const overlaps = faults.flatMap((one) =>
      faults
        .filter((other) => other.atMs > one.atMs && other.atMs <= one.atMs + one.holdsMs)
        .map((other) => [one, other]),
    );
    expect(overlaps.length).toBeGreaterThan(0);
    for (const lanes of overlaps.map((two) => two.map(({ is }) => faultOf(is).lane)))
      expect(new Set(lanes).size).toBe(2);
  }
});

it("is read from a file as it was, and refused where it names what there is not", () => {
  const schedule = scheduleOf(7, 10 * MINUTE_MS);
  expect(readSchedule(JSON.stringify(schedule))).toEqual(schedule);
  const [first] = schedule.faults;
  const unknown = { ...schedule, faults: [{ ...first, is: "moon-gone" }] };
  expect(() => readSchedule(JSON.stringify(unknown))).toThrow(/no fault moon-gone; there are control-killed/);
  expect(() => readSchedule('{"seed":1,"lengthMs":-5,"faults":[]}')).toThrow(/lengthMs/);
  expect(tell(schedule).split("\n")).toHaveLength(schedule.faults.length);
});

it("becomes the two faults that break together, with no more quiet around them", async () => {
  const schedule = scheduleOf(11, 10 * MINUTE_MS);
  const [second, eighth] = [schedule.faults[1], schedule.faults[7]];
  const tried: Schedule[] = [];
  const breaks = async (shorter: Schedule): Promise<boolean> => {
    tried.push(shorter);
    const seeds = shorter.faults.map(({ seed }) => seed);
    return [second, eighth].every((fault) => seeds.includes(fault?.seed ?? -1));
  };
  const shortest = await shorten(schedule, breaks, () => false);
  expect(shortest.faults.map(({ is }) => is)).toEqual([second?.is, eighth?.is]);
  const [one, other] = shortest.faults;
  expect((other?.atMs ?? 0) - (one?.atMs ?? 0)).toBe((eighth?.atMs ?? 0) - (second?.atMs ?? 0));
  expect(shortest.lengthMs).toBeLessThan(schedule.lengthMs);
  expect(await shorten(schedule, breaks, () => true)).toEqual(schedule);
});

it.each([
  [{ minutes: "soon" }, /--minutes soon: from 0.5 to/],
  [{ seed: ["3", "-1"] }, /--seed -1: a whole number/],
  [{ without: ["rain"] }, /--without rain: there is no such fault; there are/],
  [{ "shrink-minutes": "-3" }, /--shrink-minutes -3: from 0/],
])("says which option is not as it must be: %j", (changes, says) => {
  expect(readOptions({ ...given, ...changes })).toMatch(says);
});

it("takes the options as they are meant", () => {
  const options = readOptions({ ...given, seed: ["3", "9"], without: ["plane-gone"] });
  expect(options).toEqual({ seeds: [3, 9], lengthMs: 120_000, without: ["plane-gone"], shrinkMs: 600_000 });
});
