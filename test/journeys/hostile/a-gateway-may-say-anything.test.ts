import { afterAll, expect, it } from "vitest";
import { eventually } from "../stage/eventually.ts";
import { sharedStage } from "../stage/shared-stage.ts";
import { CLAIMS } from "./stage/claims.ts";
import { type Figure, mebibytesAtMost, record } from "./stage/figures.ts";
import { GatewayPeer } from "./stage/gateway-peer.ts";
import { SECONDS } from "./stage/seconds.ts";
import { linesOf, watched } from "./stage/watch.ts";

/** Every day: another claim at each connection. */
const TOGETHER_MS = 8_000;

const stage = sharedStage({ plane: { heartbeatMs: 1_000 } });
const rows =
  SECONDS === 0
    ? [{ what: "all of it in turn", all: CLAIMS, forMs: TOGETHER_MS }]
    : CLAIMS.map((one) => ({ what: one.what, all: [one], forMs: SECONDS * 1_000 }));

const figures: Figure[] = [];
const sinceMs = performance.now();
afterAll(() => record("hostile-gateway", sinceMs, figures));

it.each(rows)(
  "a build goes on through the true gateway, control stays small and its log short, while one beside it claims $what",
  { timeout: 60_000 + SECONDS * 2_000 },
  async ({ what, all, forMs }) => {
    await using held = await stage().holdBuild(await stage().openBuild());
    const pids = [await stage().pid("control"), await stage().pid("gateway")];
    await using peer = await GatewayPeer.sit(stage(), (connection) => all[connection % all.length] ?? all[0]!);
    await eventually("control has come", () => peer.connections > 0);
    const seen = await watched(stage(), forMs);
    figures.push({ what, said: peer.said, ...seen });
    await held.finish();
    expect([await stage().pid("control"), await stage().pid("gateway")], "neither was started again").toEqual(pids);
    expect(Math.max(...seen.memoryMib)).toBeLessThan(mebibytesAtMost);
    for (const [event, count] of linesOf(seen.lines))
      expect([event, count <= 200 + 2 * (forMs / 1_000)]).toEqual([event, true]);
  },
);

it("and when it is over, the next build passes, and every session has one record", async () => {
  await using held = await stage().holdBuild(await stage().openBuild());
  await held.finish();
  const { plane, log } = stage();
  const sessions = (await log.all("session.closed")).map(({ data }) => String(data["sessionId"])).toSorted();
  const recorded = (): string[] => plane.records().map(({ sessionId }) => sessionId);
  await plane.until(() => sessions.every((id) => recorded().includes(id)), {
    what: "every record",
    deadlineMs: 60_000,
  });
  expect(
    recorded()
      .filter((id) => !id.startsWith("peer-"))
      .toSorted(),
  ).toEqual(sessions);
});
