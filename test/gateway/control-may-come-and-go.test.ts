import { expect, it } from "vitest";
import { systemClock } from "../../agent/adapters/clock/system-clock.ts";
import { connectToGateway } from "../../agent/adapters/link/client.ts";
import { Records } from "../../agent/gateway/records.ts";
import type { Gateway, GatewayEvent } from "../../agent/ports/gateway.ts";
import { Rig } from "./rig.ts";
import { Sightings } from "./sightings.ts";
import { answers, visit } from "./visit.ts";

interface OtherControl {
  readonly gateway: Gateway;
  readonly events: Sightings<GatewayEvent>;
  hello(from?: number): Promise<Extract<GatewayEvent, { is: "hello" }>>;
  leave(): void;
}

/** Another control process, in the place of the rig's. */
function attach(rig: Rig): OtherControl {
  rig.dismiss();
  const gateway = connectToGateway({ path: rig.linkPath, clock: systemClock(), log: rig.log });
  const left = new AbortController();
  const events = new Sightings<GatewayEvent>();
  void (async () => {
    for await (const event of gateway.events(left.signal)) events.see(event);
  })();
  const hello = (from = 0) =>
    events.first((event): event is Extract<GatewayEvent, { is: "hello" }> => event.is === "hello", from);
  return { gateway, events, hello, leave: () => left.abort() };
}

it("and sessions go on, and new ones are let in, by the last orders", async () => {
  await using rig = await Rig.start();
  const certificate = await rig.open();
  const client = rig.connect(certificate);
  expect(await answers(client)).toBe(true);
  rig.dismiss();
  await rig.log.first(({ event }) => event === "control.lost");
  expect(await answers(client)).toBe(true);
  expect(await visit(rig, rig.connect(certificate))).toMatchObject({ served: true });
});

it("a new control learns which orders are in force, what is open, what was closed, and that the gateway serves", async () => {
  await using rig = await Rig.start();
  const certificate = await rig.open();
  const gone = rig.connect(certificate);
  expect(await answers(gone)).toBe(true);
  const stays = rig.connect(certificate);
  expect(await answers(stays)).toBe(true);
  rig.dismiss();
  await rig.log.first(({ event }) => event === "control.lost");
  gone.destroy();
  await rig.log.first(({ event }) => event === "session.closed");

  const control = attach(rig);
  const { applied, open, closed, servingNotAfterMs } = await control.hello();
  // The rig's second: the one that opened the build.
  expect(applied).toEqual({ revision: 2n, epoch: "epoch" });
  expect(open.map(({ peer }) => peer)).toEqual([`127.0.0.1:${stays.localPort}`]);
  expect(closed).toMatchObject([{ ending: "client-closed", bytesFromClient: 1, bytesToClient: 1 }]);
  expect(servingNotAfterMs).toBeGreaterThan(Date.now());
  control.leave();

  const again = attach(rig);
  const repeated = await again.hello();
  expect(repeated.closed).toEqual(closed);
  again.gateway.acknowledge(closed.map(({ sessionId }) => sessionId));
  again.gateway.cutAll();
  await again.events.first((event) => event.is === "cut");
  again.leave();

  const last = attach(rig);
  expect((await last.hello()).closed.map(({ ending }) => ending)).toEqual(["drain-deadline"]);
  last.leave();
});

it("a new certificate for a new key takes over, and open sessions do not notice", async () => {
  await using rig = await Rig.start();
  const certificate = await rig.open();
  const client = rig.connect(certificate);
  expect(await answers(client)).toBe(true);
  const before = client.getPeerX509Certificate()?.fingerprint256;
  rig.control.rotateKey();
  const { request } = await rig.eventOf("request");
  const between = rig.connect(certificate);
  expect(await answers(between)).toBe(true);
  expect(between.getPeerX509Certificate()?.fingerprint256).toBe(before);
  const from = rig.events.all.length;
  await rig.certify(request);
  await rig.eventOf("certified", () => true, from);
  const after = rig.connect(certificate);
  expect(await answers(after)).toBe(true);
  expect(after.getPeerX509Certificate()?.fingerprint256).not.toBe(before);
  expect([await answers(client), await answers(between)]).toEqual([true, true]);
});

it("a certificate for a key that is not ours, or no certificate at all, changes nothing", async () => {
  await using rig = await Rig.start();
  const certificate = await rig.open();
  const stranger = await rig.issue("b1");
  rig.control.certify(stranger.spkiSha256, stranger.chainPem);
  await rig.log.first(({ event, data }) => event === "order.failed" && data["order"] === "certify");
  const from = rig.log.all.length;
  rig.control.certify((await rig.eventOf("hello")).request.spkiSha256, "no certificate");
  await rig.log.first(({ event }) => event === "order.failed", from);
  expect(await visit(rig, rig.connect(certificate))).toMatchObject({ served: true });
});

it("told to stop, the gateway takes nobody in, cuts what is open and tells control before it goes", async () => {
  await using rig = await Rig.start({ asProcess: true });
  const certificate = await rig.open();
  const client = rig.connect(certificate);
  expect(await answers(client)).toBe(true);
  const gone = new Promise((resolve) => client.once("close", resolve));
  await rig.stop();
  await gone;
  const { summary } = await rig.eventOf("closed");
  expect(summary).toMatchObject({ ending: "gateway-lost", bytesFromClient: 1, bytesToClient: 1 });
  await rig.eventOf("lost");
  const late = rig.connect(certificate);
  expect(await answers(late)).toBe(false);
});

it("keeps a bounded number of records, and counts what it had to drop", () => {
  const records = new Records(2);
  for (const sessionId of ["a", "b", "c"])
    records.add({
      sessionId,
      build: { orgId: "acme", projectId: "app", buildId: "b1" },
      peer: "127.0.0.1:1",
      certificateSerial: "01",
      keySpkiSha256: "00",
      openedAtMs: 0,
      durationMs: 0,
      bytesFromClient: 0,
      bytesToClient: 0,
      ending: "client-closed",
      detail: "",
    });
  expect(records.all.map(({ sessionId }) => sessionId)).toEqual(["b", "c"]);
  expect(records.dropped).toBe(1);
  records.acknowledge(["b", "unknown"]);
  expect(records.all.map(({ sessionId }) => sessionId)).toEqual(["c"]);
});
