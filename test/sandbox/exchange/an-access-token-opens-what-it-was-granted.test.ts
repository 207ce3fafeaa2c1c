import { expect, it } from "vitest";
import {
  BuildRefusalCode,
  ObservedState,
  Phase,
} from "../../../agent/adapters/grpc/gen/builder/agent/v1/observed_state.ts";
import { registered } from "../plain-agent.ts";
import { APP, ask, endBuild, exchange, JOBS, OTHER, openBuild, Scene } from "./scene.ts";

it("opens no build of another project", async () => {
  await using scene = await Scene.set({ machines: [APP, OTHER] });
  scene.trust();
  scene.trust(JOBS.buildkite, OTHER);
  const token = await scene.granted();
  const refused = await openBuild(scene.door, token, OTHER);
  expect(refused).toMatchObject({ status: 403, json: { error: "insufficient_scope", code: "project-not-granted" } });
  expect(refused.headers["www-authenticate"]).toBe('Bearer error="insufficient_scope"');
  expect(scene.plane.listBuilds()).toEqual([]);
});

it("ends no build that another one opened, not even of the same project, and none that a person opened", async () => {
  await using scene = await Scene.set();
  scene.trust();
  const [mine, theirs] = [await scene.granted(), await scene.granted()];
  const { json } = await openBuild(scene.door, theirs);
  const byPerson = await scene.plane.openBuild(APP);
  for (const buildId of [String(json["build_id"]), byPerson.buildId, "b-none"])
    expect(await endBuild(scene.door, mine, buildId)).toMatchObject({ status: 404, json: { code: "build-not-open" } });
  expect(scene.plane.listBuilds()).toHaveLength(2);
});

it("whoever has none, or makes one up, opens and ends nothing", async () => {
  await using scene = await Scene.set();
  for (const token of ["", "x", "A".repeat(43), `${"A".repeat(42)}=`]) {
    expect((await openBuild(scene.door, token)).status).toBe(401);
    expect((await endBuild(scene.door, token, "b-1")).status).toBe(401);
  }
  const { status, headers } = await ask(scene.door, "/builds", { headers: { "content-type": "application/json" } });
  expect({ status, said: headers["www-authenticate"] }).toEqual({ status: 401, said: 'Bearer error="invalid_token"' });
});

it("a trust that is removed takes its tokens and its builds along, and those of no other", async () => {
  await using scene = await Scene.set();
  const removed = scene.trust();
  scene.trust(JOBS.buildkite);
  const [token, other] = [await scene.granted(), await scene.granted("buildkite")];
  const build = String((await openBuild(scene.door, token)).json["build_id"]);
  const kept = String((await openBuild(scene.door, other)).json["build_id"]);
  expect(scene.plane.exchange.removeTrust(removed.id)).toEqual([build]);
  expect(scene.plane.listBuilds().map(({ buildId }) => buildId)).toEqual([kept]);
  expect((await openBuild(scene.door, token)).status).toBe(401);
  expect((await exchange(scene.door, scene.job())).json["code"]).toBe("issuer-unknown");
  expect((await openBuild(scene.door, other)).status).toBe(201);
});

it("has sixteen builds open at a time, and another one once one is ended", async () => {
  await using scene = await Scene.set();
  scene.trust();
  const token = await scene.granted();
  const opened = [];
  for (let count = 0; count < 16; count += 1) opened.push(await openBuild(scene.door, token));
  expect(await openBuild(scene.door, token)).toMatchObject({ status: 503, json: { code: "too-many-builds" } });
  await endBuild(scene.door, token, String(opened[0]?.json["build_id"]));
  expect((await openBuild(scene.door, token)).status).toBe(201);
});

it("counts builds that are only being opened, and ends each of many that were opened at once", async () => {
  await using scene = await Scene.set();
  scene.trust();
  const token = await scene.granted();
  const answers = await Promise.all(Array.from({ length: 20 }, () => openBuild(scene.door, token)));
  const opened = answers.filter(({ status }) => status === 201);
  expect(opened).toHaveLength(16);
  const ended = opened.map(({ json }) => endBuild(scene.door, token, String(json["build_id"])));
  expect(new Set((await Promise.all(ended)).map(({ status }) => status))).toEqual(new Set([200]));
  expect(scene.plane.listBuilds()).toEqual([]);
});

it("a trust that is removed while a build is opened opens none", async () => {
  await using scene = await Scene.set({ machines: [], applyDeadlineMs: 60_000 });
  const { id } = scene.trust();
  const token = await scene.granted();
  using machine = await registered(scene.plane);
  const stream = machine.attach();
  stream.hello();
  let state = await stream.desired();
  const asking = openBuild(scene.door, token);
  while (state.openBuilds.length === 0) state = await stream.desired();
  expect(scene.plane.exchange.removeTrust(id)).toEqual(state.openBuilds.map(({ buildId }) => buildId));
  while (state.openBuilds.length > 0) state = await stream.desired();
  const { revision: appliedRevision, epoch: appliedEpoch } = state;
  stream.send({
    $case: "observed",
    value: ObservedState.fromPartial({ phase: Phase.READY, appliedRevision, appliedEpoch }),
  });
  expect((await asking).status).toBe(401);
  await stream.hangUp();
});

it("without a machine it says so, and leaves no build behind", async () => {
  await using scene = await Scene.set({ machines: [], applyDeadlineMs: 200 });
  scene.trust();
  const token = await scene.granted();
  expect(await openBuild(scene.door, token)).toMatchObject({ status: 503, json: { code: "no-machine" } });
  scene.plane.issueJoinToken(APP);
  const { status, json, headers } = await openBuild(scene.door, token);
  expect({ status, code: json["code"], after: headers["retry-after"] }).toEqual({
    status: 503,
    code: "no-machine",
    after: "5",
  });
  expect(json["error_description"]).toBe("No machine of acme/app is attached.");
  expect(scene.plane.listBuilds()).toEqual([]);
});

it("machines that refuse the build say why", async () => {
  await using scene = await Scene.set({ machines: [] });
  scene.trust();
  using machine = await registered(scene.plane);
  const stream = machine.attach();
  stream.hello();
  const over = new AbortController();
  const refusing = (async () => {
    while (!over.signal.aborted) {
      const { revision: appliedRevision, epoch: appliedEpoch, openBuilds } = await stream.desired();
      const why = { code: BuildRefusalCode.DRAINING, condition: "", message: "This machine is draining" };
      const refusedBuilds = openBuilds.map(({ buildId }) => ({ buildId, ...why }));
      const observed = { phase: Phase.DRAINING, appliedRevision, appliedEpoch, refusedBuilds };
      stream.send({ $case: "observed", value: ObservedState.fromPartial(observed) });
    }
  })();
  await scene.plane.until(() => scene.plane.machines()[0]?.observed !== undefined);
  const { status, json } = await openBuild(scene.door, await scene.granted());
  expect({ status, code: json["code"] }).toEqual({ status: 503, code: "refused-by-machines" });
  expect(json["error_description"]).toContain("This machine is draining");
  expect(scene.plane.listBuilds()).toEqual([]);
  over.abort();
  stream.call.cancel();
  await refusing.catch(() => undefined);
});

it("a build whose client has gone while it was opened is closed again", async () => {
  await using scene = await Scene.set({ machines: [], applyDeadlineMs: 60_000 });
  scene.trust();
  const token = await scene.granted();
  using machine = await registered(scene.plane);
  const stream = machine.attach();
  stream.hello();
  const hangUp = new AbortController();
  const asking = openBuild(scene.door, token, {}, { signal: hangUp.signal });
  while ((await stream.desired()).openBuilds.length === 0);
  hangUp.abort();
  await expect(asking).rejects.toThrow(/aborted/);
  while ((await stream.desired()).openBuilds.length > 0);
  expect(scene.plane.listBuilds()).toEqual([]);
  await stream.hangUp();
});
