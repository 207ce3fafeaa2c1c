import { setTimeout as sleep } from "node:timers/promises";
import { expect, it } from "vitest";
import { eventually } from "../stage/eventually.ts";
import { sharedTailnet } from "../tailnet/stage/shared-tailnet.ts";

const tailnet = sharedTailnet();

const PRIVATE = "This page is private.";
const GONE_MS = 3_000;

it("builds go on reaching the tailnet that their machine needs and has joined, and it is the same node afterwards", async () => {
  await tailnet().grant({ required: true });
  const { stage, site } = tailnet();
  const { headscale, peer } = site.tailnet;
  const pageSeen = () =>
    eventually("a step reaches the page", async () => (await tailnet().page(peer.name)) === PRIVATE);
  await pageSeen();
  const before = await tailnet().builders();
  const build = await stage.openBuild();
  await using held = await stage.holdBuild(build);

  await headscale.goDown();
  await sleep(GONE_MS);
  expect((await stage.health("/readyz")).status).toBe(200);
  await pageSeen();
  await headscale.comeUp();

  await held.finish();
  await pageSeen();
  expect((await stage.health("/readyz")).status).toBe(200);
  expect((await tailnet().builders()).map(({ id }) => id)).toEqual(before.map(({ id }) => id));
});
