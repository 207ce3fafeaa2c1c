import { expect, it } from "vitest";
import { SessionRate } from "../../agent/gateway/session-rate.ts";
import { Rig } from "./rig.ts";
import { visit } from "./visit.ts";

it("lets as many in at once as fit a minute, then one for each that a minute brings back", () => {
  const rate = new SessionRate(60);
  const taken = (count: number, monoMs: number): number =>
    Array.from({ length: count }, () => rate.take("b", monoMs)).filter(Boolean).length;
  expect(taken(100, 0)).toBe(60);
  expect(taken(100, 999)).toBe(0);
  expect(taken(100, 1_000)).toBe(1);
  expect(taken(100, 11_000)).toBe(10);
  expect(rate.take("other", 11_000)).toBe(true);
  expect(taken(100, 600_000)).toBe(60);
});

it("refuses by name what exceeds it, and lets other builds in meanwhile", async () => {
  await using rig = await Rig.start({ limits: { maxSessionsPerBuildPerMinute: 3 } });
  const [busy, calm] = [await rig.open("busy"), await rig.open("calm")];
  for (let count = 0; count < 3; count += 1)
    expect(await visit(rig, rig.connect(busy))).toMatchObject({ served: true });
  expect(await visit(rig, rig.connect(busy))).toMatchObject({ served: false, reason: "too-many-sessions-of-build" });
  expect(await visit(rig, rig.connect(calm))).toMatchObject({ served: true });
});
