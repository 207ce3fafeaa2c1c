import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { joinTokenEvidence } from "../../agent/adapters/evidence/join-token-evidence.ts";
import type { ControlPlane } from "../../agent/ports/control-plane.ts";
import type { MachineIdentity } from "../../agent/ports/keys.ts";
import { EmbeddedControlPlane } from "../../sandbox/control-plane/embedded-control-plane.ts";
import type { Method } from "../../sandbox/control-plane/faults.ts";
import { Refusal } from "../../sandbox/control-plane/refusal.ts";
import { Intermediary, trailersOnly } from "./intermediary.ts";
import { APP, dial, endOf, FOREVER, HELLO, join } from "./member.ts";
import { TokenFile } from "./token-file.ts";

let plane: EmbeddedControlPlane;
let identity: MachineIdentity;
beforeAll(async () => {
  plane = await EmbeddedControlPlane.listen();
  await using client = dial(plane);
  await using token = await TokenFile.holding(plane.issueJoinToken(APP));
  identity = await join(client, joinTokenEvidence({ tokenFile: token.path }));
});
afterAll(() => plane[Symbol.asyncDispose]());

const failureOf = (call: Promise<unknown>): Promise<unknown> =>
  call.then(
    () => undefined,
    (failure: unknown) => failure,
  );

const CALLS: readonly (readonly [Method, (client: ControlPlane) => Promise<unknown>])[] = [
  ["getChallenge", (client) => failureOf(client.getChallenge(FOREVER))],
  ["renewCertificates", (client) => failureOf(client.renew(identity, {}, FOREVER))],
  ["attach", (client) => endOf(client.attach(identity, HELLO, FOREVER))],
];

describe("a control plane that has too much to do", () => {
  it.each(CALLS)("says with its answer to %s when to come back", async (method, call) => {
    await using client = dial(plane);
    plane.faults.answer(method, Refusal.forNow(12_500, "too many at once"));
    const failure = await call(client);
    plane.faults.answer(method, undefined);
    expect(failure).toMatchObject({ status: "RESOURCE_EXHAUSTED", step: "retry", retryAfterMs: 12_500 });
  });
});

describe("what an answer asks for", () => {
  it.each([
    { asked: "0", retryAfterMs: 0, because: "as if it had not asked" },
    { asked: "1500", retryAfterMs: 1_500, because: "as it is" },
    { asked: "300000", retryAfterMs: 300_000, because: "the most that may be asked for" },
    { asked: "300001", retryAfterMs: 300_000, because: "no machine is kept away for longer than its view is good" },
    { asked: "-1", retryAfterMs: 0, because: "no time" },
    { asked: "1.5", retryAfterMs: 0, because: "no whole milliseconds" },
    { asked: "soon", retryAfterMs: 0, because: "no number" },
    { asked: "9999999999", retryAfterMs: 0, because: "too long to be meant" },
  ])("$asked counts as $retryAfterMs: $because", async ({ asked, retryAfterMs }) => {
    const answer = trailersOnly({ "grpc-status": "14", "builder-agent-retry-after-ms": asked });
    await using server = await Intermediary.listen(answer);
    await using client = dial(server, { limits: { unaryMs: 5_000, openingMs: 5_000 } });
    expect(await failureOf(client.getChallenge(FOREVER))).toMatchObject({ status: "UNAVAILABLE", retryAfterMs });
  });
});
