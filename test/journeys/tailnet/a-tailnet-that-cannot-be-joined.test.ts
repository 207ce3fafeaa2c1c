import { afterEach, describe, expect, it } from "vitest";
import { TailnetState } from "../../../agent/adapters/grpc/gen/builder/agent/v1/observed_state.ts";
import { eventually } from "../stage/eventually.ts";
import { REF } from "../stage/set-up.ts";
import { sharedTailnet } from "./stage/shared-tailnet.ts";

const tailnet = sharedTailnet();

/** Of the promise: a required tailnet that fails refuses builds with the reason by then. */
const REASON_BAR_MS = 10_000;
const UNAUTHORISED = /OAuth client's id and secret .*API token invalid/;

/** The customer's client, with a secret that is not its own. */
function wrongSecret() {
  const { clientId } = tailnet().site.tailnet.client;
  return { $case: "oauthClient", value: { clientId, clientSecret: "tskey-client-wrong" } } as const;
}

afterEach(async () => {
  tailnet().site.tailnet.api.faults.clear();
  await tailnet().stage.plane.wish(REF, { tailnet: undefined }).applied();
});

describe("a tailnet that is required and cannot be joined", () => {
  it.each([
    { what: "a wrong secret", changes: () => ({ credential: wrongSecret() }), reason: UNAUTHORISED },
    {
      what: "a coordination server that does not answer",
      changes: () => ({ coordinationUrl: "http://203.0.113.80:8080" }),
      reason: /203\.0\.113\.80:8080/,
    },
  ])("refuses builds within 10 s, with the reason: $what", async ({ changes, reason }) => {
    const { stage } = tailnet();
    const build = await stage.openBuild();
    const startedMs = performance.now();
    tailnet().wish({ required: true, ...changes() });
    await eventually("it says why", async () => reason.test((await stage.health("/readyz/tailnet")).body));
    const refused = stage.log.next("session.refused", ({ data }) => data["reason"] === "not-admitting");
    expect((await stage.askWorkers(build)).exitCode).not.toBe(0);
    expect(JSON.stringify((await refused).data)).toMatch(reason);
    expect(performance.now() - startedMs).toBeLessThan(REASON_BAR_MS);
    const { status, body } = await stage.health("/readyz/tailnet");
    expect([status, reason.test(body)]).toEqual([503, true]);
    expect(await tailnet().builders()).toEqual([]);
  });
});

describe("a tailnet that would be nice to have", () => {
  it.each([
    { what: "is refused", hinder: () => ({ credential: wrongSecret() }) },
    {
      what: "never answers",
      hinder: () => {
        tailnet().site.tailnet.api.faults.set("token", { kind: "silent" });
        return {};
      },
    },
  ])("keeps no build waiting when it $what", async ({ hinder }) => {
    const startedMs = performance.now();
    const withoutMs = async (): Promise<number> => {
      const beganMs = performance.now();
      expect((await tailnet().step("echo built")).said).toContain("built");
      return performance.now() - beganMs;
    };
    const usualMs = await withoutMs();
    tailnet().wish({ required: false, ...hinder() });
    const meanwhileMs = await withoutMs();
    expect(meanwhileMs).toBeLessThan(usualMs + 2_000);
    expect((await tailnet().stage.health("/readyz")).status).toBe(200);
    const state = await tailnet().untilObserved((observed) => observed?.state);
    expect([TailnetState.JOINING, TailnetState.FAILED]).toContain(state);
    expect(performance.now() - startedMs).toBeLessThan(REASON_BAR_MS);
  });
});
