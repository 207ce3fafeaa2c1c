import { setTimeout as sleep } from "node:timers/promises";
import { expect, it } from "vitest";
import { sharedStage } from "../stage/shared-stage.ts";
import { allIsWell } from "./stage/all-is-well.ts";
import { MovingNetwork } from "./stage/moving.ts";

const network = new MovingNetwork();
const stage = sharedStage({
  plane: { heartbeatMs: 1_000 },
  uplink: network,
  config: { controlPlane: { endpoint: "plane.example:443" } },
  prepare: (plane) => network.leadTo(plane.transport.port),
});

it("a machine that comes back with another address is attached from there, and an open build does not notice", async () => {
  const { plane, vm, log } = stage();
  if (vm === undefined) throw new Error("This machine has no network of its own");
  const build = await stage().openBuild();
  await using held = await stage().holdBuild(build);
  const { attaches } = stage().machine;
  const detached = log.next("control-plane.detached");
  const beganMs = performance.now();

  await network.move(vm, "203.0.113.77/24", () => sleep(1_000));
  expect(JSON.stringify((await detached).data)).toMatch(/is 203\.0\.113\.77 now, and was 203\.0\.113\.2/);
  await plane.until(() => stage().machine.attaches > attaches, { what: "control to attach again", deadlineMs: 45_000 });
  // Silence alone is noticed after 90 s.
  expect(performance.now() - beganMs).toBeLessThan(60_000);
  await using next = await stage().holdBuild(await stage().openBuild());
  await next.finish();
  await held.finish();
  await allIsWell(stage());
});

it("an open build does not notice that nobody answers for names; once somebody does, the machine is attached by itself, and the next build passes", async () => {
  const { plane, log } = stage();
  const build = await stage().openBuild();
  await using held = await stage().holdBuild(build);
  const { attaches } = stage().machine;
  const named = log.next("control-plane.detached", ({ data }) =>
    /name resolution|plane\.example/i.test(JSON.stringify(data)),
  );

  network.loseNames();
  plane.transport.cutConnections();
  await named;
  expect((await stage().askWorkers(build)).exitCode).toBe(0);
  network.findNames();

  await plane.until(() => stage().machine.attaches > attaches, { what: "control to attach again", deadlineMs: 60_000 });
  await using next = await stage().holdBuild(await stage().openBuild());
  await next.finish();
  await held.finish();
  await allIsWell(stage());
});
