import { expect, it, vi } from "vitest";
import {
  type BuildRefusal,
  BuildRefusalCode,
  ObservedState,
  Phase,
} from "../../agent/adapters/grpc/gen/builder/agent/v1/observed_state.ts";
import { BuildRefused } from "../../sandbox/control-plane/acceptance.ts";
import { EmbeddedControlPlane } from "../../sandbox/control-plane/embedded-control-plane.ts";
import { APP, registered } from "./plain-agent.ts";

/** A machine that reports what the test says, of the newest desired state. */
async function machineOf(plane: EmbeddedControlPlane, bootId = "boot-1") {
  const agent = await registered(plane, bootId);
  const stream = agent.attach();
  stream.hello(bootId);
  let { revision, epoch } = await stream.desired();
  const report = (changes: Partial<ObservedState> = {}): void => {
    const applied = { appliedRevision: revision, appliedEpoch: epoch };
    stream.send({
      $case: "observed",
      value: ObservedState.fromPartial({ phase: Phase.READY, ...applied, ...changes }),
    });
  };
  const asked = async (buildId: string): Promise<void> => {
    for (;;) {
      const state = await stream.desired();
      ({ revision, epoch } = state);
      if (state.openBuilds.some((build) => build.buildId === buildId)) return;
    }
  };
  return { report, asked, [Symbol.dispose]: () => agent[Symbol.dispose]() };
}

function refusalOf(code: BuildRefusalCode, message = "No"): { readonly refusedBuilds: BuildRefusal[] } {
  return { refusedBuilds: [{ buildId: "b-1", code, condition: "", message }] };
}

const ORDER = { ...APP, buildId: "b-1" } as const;

it.each([
  { of: "that drains", code: BuildRefusalCode.DRAINING, phase: Phase.DRAINING },
  { of: "that stops", code: BuildRefusalCode.STOPPING, phase: Phase.STOPPING },
  { of: "by whose clock it expired", code: BuildRefusalCode.EXPIRED, phase: Phase.READY },
  { of: "that lacks something", code: BuildRefusalCode.NOT_READY, phase: Phase.DEGRADED },
  { of: "that starts, and will never take it", code: BuildRefusalCode.EXPIRED, phase: Phase.STARTING },
])(
  "a machine $of refuses: the reason comes at once, no certificate was issued, and the build is closed",
  async (machine) => {
    // The reason is there long before this deadline, or the test's own ends it.
    await using plane = await EmbeddedControlPlane.listen({ applyDeadlineMs: 600_000 });
    using agent = await machineOf(plane);
    const issued = vi.spyOn(plane.authorities, "build");
    const opening = plane.openBuild(ORDER).catch((failure: unknown) => failure);
    await agent.asked("b-1");
    agent.report({ phase: machine.phase, ...refusalOf(machine.code, "Not here") });
    const failure = await opening;
    expect(failure).toBeInstanceOf(BuildRefused);
    expect(String(failure)).toMatch(/Build b-1 was refused\. Machine m-\w+: Not here\./);
    expect(issued).not.toHaveBeenCalled();
    expect(plane.listBuilds()).toEqual([]);
  },
);

it("a machine accepts: the certificate is issued after its word, not before", async () => {
  await using plane = await EmbeddedControlPlane.listen();
  using agent = await machineOf(plane);
  const issued = vi.spyOn(plane.authorities, "build");
  const opening = plane.openBuild(ORDER);
  await agent.asked("b-1");
  agent.report({ appliedRevision: 0n });
  await plane.until(() => plane.machines()[0]?.observed !== undefined);
  expect(issued).not.toHaveBeenCalled();
  agent.report();
  expect((await opening).serverName).toBe(plane.machines()[0]?.serverName);
  expect(issued).toHaveBeenCalledTimes(1);
});

it("a machine that starts is waited for until it has what the build needs", async () => {
  await using plane = await EmbeddedControlPlane.listen();
  using agent = await machineOf(plane);
  let opened = false;
  const opening = plane.openBuild(ORDER).then(() => (opened = true));
  await agent.asked("b-1");
  agent.report({ phase: Phase.STARTING, ...refusalOf(BuildRefusalCode.NOT_READY) });
  await plane.until(() => plane.machines()[0]?.observed?.refusedBuilds.length === 1);
  expect(opened).toBe(false);
  agent.report();
  await opening;
});

it("a machine that starts is not waited for without end, and its reason is told", async () => {
  await using plane = await EmbeddedControlPlane.listen({ applyDeadlineMs: 200 });
  using agent = await machineOf(plane);
  const opening = plane.openBuild(ORDER).catch((failure: unknown) => failure);
  await agent.asked("b-1");
  agent.report({ phase: Phase.STARTING, ...refusalOf(BuildRefusalCode.NOT_READY, "buildkit: Not started yet") });
  expect(String(await opening)).toMatch(/Waited 200 ms for acme\/app to accept build b-1: .*buildkit: Not started yet/);
  expect(plane.listBuilds()).toEqual([]);
});

it("of two machines the one that takes the build is named to its client", async () => {
  await using plane = await EmbeddedControlPlane.listen();
  using first = await machineOf(plane, "boot-1");
  using second = await machineOf(plane, "boot-2");
  const opening = plane.openBuild(ORDER);
  await Promise.all([first.asked("b-1"), second.asked("b-1")]);
  first.report({ phase: Phase.DRAINING, ...refusalOf(BuildRefusalCode.DRAINING) });
  second.report();
  const taker = plane.machines().find(({ facts }) => facts.bootId === "boot-2");
  expect((await opening).serverName).toBe(taker?.serverName);
});
