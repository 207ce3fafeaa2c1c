import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { CONTRACT_LIMITS } from "../../agent/core/contract-limits.ts";
import { needsNamespaces, whyNoNamespace } from "../sandbox/net/whether.ts";
import { GuardedVm, whyNoGuardedVm } from "./stage/guarded-vm.ts";
import { isReached, Step } from "./stage/step.ts";
import { World } from "./stage/world.ts";

needsNamespaces();
const why = whyNoNamespace() ?? whyNoGuardedVm();

/**
 * None of them touches the next, in either family: nothing can be merged. The last is 203.0.113.10.
 */
function ranges(count: number): readonly string[] {
  const some = Array.from({ length: count - 1 }, (_, at) =>
    at % 2 === 0
      ? `20.${at >> 8}.${at & 255}.0/25`
      : `2001:db8:${(0x1000 + at).toString(16)}:ffff:ffff:ffff:ffff:fff0/124`,
  );
  return [...some, "203.0.113.10/32"];
}

describe("an allow-list as long as the contract allows", () => {
  let world: World;
  let vm: GuardedVm;

  beforeAll(async () => {
    if (why !== undefined) return;
    world = await World.make();
    vm = await GuardedVm.make(world);
  });
  beforeEach(({ skip }) => {
    if (why !== undefined) skip(why);
  });
  afterAll(async () => {
    await world?.[Symbol.asyncDispose]();
  });

  const order = (count: number) => ({ egress: { allowedCidrs: ranges(count), allowPrivateRanges: false } });

  it("is in force, to its last range and no further", async () => {
    await vm.apply(order(CONTRACT_LIMITS.allowedCidrs));
    await using step = await Step.make(world.vm, vm.conflistFile);
    const outcomes = await step.try(["203.0.113.10", "203.0.113.11"].map((host) => ({ host, port: 80 })));
    expect(outcomes.map(isReached)).toEqual([true, false]);
    expect((await vm.verify()).findings.filter(({ ok }) => !ok)).toEqual([]);
  });

  it("is refused with one range more, and leaves in force what was", async () => {
    await vm.apply();
    await expect(vm.apply(order(CONTRACT_LIMITS.allowedCidrs + 1))).rejects.toThrow("allowedCidrs");
    await using step = await Step.make(world.vm, vm.conflistFile);
    expect((await step.try([{ host: "203.0.113.11", port: 80 }])).map(isReached)).toEqual([true]);
  });
});
