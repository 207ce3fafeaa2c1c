import { rm } from "node:fs/promises";
import { expect, it } from "vitest";
import { eventually } from "./stage/eventually.ts";
import { oidcIdentity } from "./stage/oidc-issuer.ts";
import { REF } from "./stage/set-up.ts";
import { Stage } from "./stage/stage.ts";
import { needsStage } from "./stage/whether.ts";

needsStage();

it("says that somebody else is this instance, waits as it is told, and is there for builds under its new name", async () => {
  await using stage = await Stage.up({
    plane: { leaseMs: 10_000 },
    identity: (plane) => oidcIdentity(plane, REF, { singleUse: false }),
  });
  const before = stage.machine;
  await rm(stage.identityFile);
  const failed = stage.log.next("identity.registration-failed");
  await stage.kill("control");
  expect(JSON.stringify((await failed).data)).toContain("ALREADY_EXISTS");
  await eventually("readyz says why", async () =>
    (await stage.health("/readyz?verbose")).body.includes(`this instance is machine ${before.id}`),
  );

  await stage.plane.until(() => stage.plane.machines().every(({ id }) => id !== before.id), {
    what: "the next generation",
    deadlineMs: 45_000,
  });
  const after = await stage.ready();
  expect(after).toMatchObject({ lease: { generation: 2 }, project: { ref: REF } });
  const build = await stage.openBuild();
  expect(build.serverName).toBe(after.serverName);
  expect(await stage.askWorkers(build)).toMatchObject({ exitCode: 0 });
  expect(stage.plane.audit().map(({ event }) => event)).toEqual(["instance-already-registered", "generation-began"]);
});
