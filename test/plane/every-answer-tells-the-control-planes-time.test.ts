import { status } from "@grpc/grpc-js";
import { describe, expect, it } from "vitest";
import { joinTokenEvidence } from "../../agent/adapters/evidence/join-token-evidence.ts";
import { keyMaker } from "../../agent/adapters/keys/key-maker.ts";
import { EmbeddedControlPlane } from "../../sandbox/control-plane/embedded-control-plane.ts";
import { Refusal } from "../../sandbox/control-plane/refusal.ts";
import { APP, dial, endOf, FOREVER, HELLO, isDesired, join, next } from "./member.ts";
import { TokenFile } from "./token-file.ts";

const MINUTE_MS = 60_000;
const AHEAD_MS = -20 * MINUTE_MS;

function nearly(planeTimeMs: unknown): boolean {
  return typeof planeTimeMs === "number" && Math.abs(planeTimeMs - Date.now() - AHEAD_MS) < MINUTE_MS;
}

describe("a control plane whose clock differs", () => {
  it("says its time with each answer, before it knows who asks, and with each refusal", async () => {
    await using plane = await EmbeddedControlPlane.listen({ clockOffsetMs: AHEAD_MS });
    await using client = dial(plane);
    await using token = await TokenFile.holding(plane.issueJoinToken(APP));
    expect(nearly((await client.getChallenge(FOREVER)).planeTimeMs)).toBe(true);
    const identity = await join(client, joinTokenEvidence({ tokenFile: token.path }));
    const machineRequest = await (await keyMaker().make()).request("m");
    expect(nearly((await client.renew(identity, { machineRequest }, FOREVER)).planeTimeMs)).toBe(true);
    const first = await next(client.attach(identity, HELLO, FOREVER).incoming[Symbol.asyncIterator](), isDesired);
    expect(nearly(first.state.sentAtMs)).toBe(true);

    plane.faults.answer("register", new Refusal(status.UNAUTHENTICATED, "spent"));
    plane.faults.answer("attach", Refusal.forNow(1_000, "later"));
    const refused = await join(client, joinTokenEvidence({ tokenFile: token.path })).catch((err: unknown) => err);
    expect(refused).toMatchObject({ status: "UNAUTHENTICATED" });
    expect(nearly((refused as { planeTimeMs?: number }).planeTimeMs)).toBe(true);
    const ended = await endOf(client.attach(identity, HELLO, FOREVER));
    expect(ended).toMatchObject({ status: "RESOURCE_EXHAUSTED", retryAfterMs: 1_000 });
    expect(nearly((ended as { planeTimeMs?: number }).planeTimeMs)).toBe(true);
  });
});
