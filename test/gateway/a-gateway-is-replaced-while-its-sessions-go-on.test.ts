import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { expect, it } from "vitest";
import { isIdle, openSessions } from "../../agent/core/views.ts";
import { closed, echoed, pause, ReplacedRig } from "./replaced-rig.ts";

/** `npm run test:replacements` takes 50. */
const ROUNDS = Number(process.env["BUILDER_AGENT_REPLACEMENTS"] ?? "2");
/** Of what a build carries while it is replaced under it. */
const CHUNK_BYTES = 100_000;

it(`${ROUNDS} times under a build: no byte of it is lost, nobody is refused, and each session has one record`, async () => {
  await using rig = await ReplacedRig.start();
  const build = await rig.client();
  const over = new AbortController();
  const carried = (async () => {
    while (!over.signal.aborted) await echoed(build, randomBytes(CHUNK_BYTES));
  })();
  const visits = (async () => {
    let sessions = 0;
    for (; !over.signal.aborted; sessions += 1) {
      (await rig.client()).destroy();
      await pause(50);
    }
    return sessions;
  })();
  let finishing: Promise<unknown> = Promise.resolve();
  for (let round = 0; round < ROUNDS; round += 1) {
    const short = await rig.client();
    const { process } = await rig.replace();
    short.destroy();
    await finishing;
    // The first one carries the build; each later one ends before the one after the next comes.
    finishing = once(process, "exit");
  }
  over.abort();
  const [sessions] = await Promise.all([visits, carried]);
  build.destroy();
  const total = sessions + ROUNDS + 1;
  const ids = await rig.settled(total);
  expect(ids).toHaveLength(total);
  expect(new Set(ids).size).toBe(total);
  expect(rig.records.filter(({ ending }) => ending === "gateway-lost")).toEqual([]);
  const own = rig.records.find(({ bytesFromClient }) => bytesFromClient > CHUNK_BYTES);
  expect(own?.bytesFromClient).toBe(own?.bytesToClient);
}, 600_000);

it("and a cut reaches both, the one that serves and the one that finishes", async ({ annotate }) => {
  await using rig = await ReplacedRig.start();
  const old = await rig.client();
  await rig.replace();
  const young = await rig.client();
  await rig.control.until((view) => openSessions(view) === 2);
  const cut = Promise.all([closed(old), closed(young)]);
  const sinceMs = performance.now();
  rig.allow([]);
  await cut;
  await annotate(`Both were cut ${Math.round(performance.now() - sinceMs)} ms after the order`);
  await rig.settled(2);
  expect(rig.records.map(({ ending }) => ending)).toEqual(["build-ended", "build-ended"]);
});

it("and both count: a machine is not idle before the old one's last session is over, and then that one ends", async () => {
  await using rig = await ReplacedRig.start();
  const { process: first } = await rig.replace();
  const old = await rig.client();
  const gone = once(first, "exit");
  await rig.replace();
  await rig.control.until((view) => view.at === "here" && view.open.size === 0 && openSessions(view) === 1);
  expect(isIdle(rig.control.board.gateway.get())).toBe(false);
  old.destroy();
  expect(await gone).toEqual([0, null]);
  await rig.control.until(isIdle);
  expect(rig.control.view).not.toHaveProperty("beside");
});

it("also while control is away: it finds both again, and the old one's session goes on", async () => {
  await using rig = await ReplacedRig.start();
  const old = await rig.client();
  await rig.replace();
  const young = await rig.client();
  await rig.restartControl(() => echoed(old, randomBytes(CHUNK_BYTES)));
  await rig.control.until((view) => openSessions(view) === 2);
  await echoed(old, randomBytes(CHUNK_BYTES));
  old.destroy();
  await rig.restartControl(async () => young.destroy());
  await rig.control.until(isIdle);
  expect(new Set(await rig.settled(2)).size).toBe(2);
  expect(rig.records.map(({ ending }) => ending)).toEqual(["client-closed", "client-closed"]);
});

it("and the killing of one leaves the other alone: of the killed one's session there is one record that says so", async () => {
  await using rig = await ReplacedRig.start();
  const old = await rig.client();
  const { process: second } = await rig.replace();
  const young = await rig.client();
  const lost = closed(young);
  second.kill("SIGKILL");
  await lost;
  await echoed(old, randomBytes(CHUNK_BYTES));
  await rig.settled(1);
  expect(rig.records.map(({ ending }) => ending)).toEqual(["gateway-lost"]);
  const { process: third } = await rig.replace();
  const next = await rig.client();
  old.destroy();
  await rig.settled(2);
  expect(rig.records.map(({ ending }) => ending)).toEqual(["gateway-lost", "client-closed"]);
  await echoed(next, randomBytes(CHUNK_BYTES));
  expect(third.exitCode).toBeNull();
});

it("or is not, where the new one dies before it serves: the old one goes on letting builds in", async () => {
  await using rig = await ReplacedRig.start();
  const run = rig.control.view?.runId;
  const stillborn = await rig.begin();
  const dead = once(stillborn, "exit");
  await rig.control.until((view) => view.at === "here" && view.next !== undefined);
  stillborn.kill("SIGKILL");
  await dead;
  await rig.control.until((view) => view.at === "here" && view.next === undefined && view.beside === undefined);
  expect(rig.control.view?.runId).toBe(run);
  await echoed(await rig.client(), randomBytes(CHUNK_BYTES));
});
