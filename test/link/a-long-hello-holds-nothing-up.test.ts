import { createServer, type Socket } from "node:net";
import { text } from "node:stream/consumers";
import { describe, expect, it } from "vitest";
import { systemClock } from "../../agent/adapters/clock/system-clock.ts";
import { connectToGateway } from "../../agent/adapters/link/client.ts";
import { helloLines } from "../../agent/adapters/link/news-wire.ts";
import { listenForControl } from "../../agent/adapters/link/server.ts";
import type { SessionSummary } from "../../agent/core/session.ts";
import type { ControlOrder } from "../../agent/ports/control-link.ts";
import type { GatewayEvent } from "../../agent/ports/gateway.ts";
import { eventually } from "../buildkit/real-buildkit.ts";
import { Sightings } from "../gateway/sightings.ts";
import { allowSet, HELLO, KEY, LinkRig } from "./link-rig.ts";

const never = new AbortController().signal;
const isA =
  <T extends { readonly is: string }>(is: T["is"]) =>
  (thing: T): boolean =>
    thing.is === is;

/** As many as a gateway keeps for a control that was away. */
function records(count: number): readonly SessionSummary[] {
  return Array.from({ length: count }, (_, at) => ({
    sessionId: `session-${at}`,
    build: { orgId: "acme", projectId: "web", buildId: `build-${at}` },
    peer: "203.0.113.7:40000",
    certificateSerial: "0123456789abcdef",
    keySpkiSha256: KEY,
    openedAtMs: at,
    durationMs: 1,
    bytesFromClient: 1,
    bytesToClient: 1,
    ending: "client-closed",
    detail: "",
  }));
}

describe("news before the hello", () => {
  it("is not sent by a gateway: whatever it tells first, its hello has", async () => {
    await using rig = await LinkRig.make();
    const link = await listenForControl({ path: rig.path, log: rig.log });
    const orders = new Sightings<ControlOrder>();
    void (async () => {
      for await (const order of link.orders(never)) orders.see(order);
    })();
    const control = await rig.stranger();
    await orders.first(isA("connected"));
    link.tell({ is: "certified", notAfterMs: 1 });
    link.tell({ is: "cut", sessions: 1 });
    link.tell(HELLO);
    link.tell({ is: "cut", sessions: 2 });
    const heard = text(control);
    await link.close();
    const news = (await heard).trimEnd().split("\n");
    expect(news.map((line) => JSON.parse(line) as unknown)).toMatchObject([
      { is: "hello", runId: "run-1" },
      { is: "cut", sessions: 2 },
    ]);
  });

  it("is passed over by control, which stays: the hello has it", async () => {
    await using rig = await LinkRig.make();
    const older = createServer((socket: Socket) => {
      socket.on("error", () => undefined);
      socket.write('{"v":1,"is":"cut","sessions":1}\n');
      for (const line of helloLines(HELLO)) socket.write(line);
    });
    await new Promise<void>((resolve) => older.listen(rig.path, resolve));
    const { gateway, events } = rig.control();
    gateway.allow(allowSet());
    await events.first(isA<GatewayEvent>("hello"));
    expect(events.all).toEqual([HELLO]);
    expect(rig.log.all).toEqual([]);
    older.close();
  });
});

describe("a hello with 100,000 records", () => {
  it("comes whole, and an order does not wait for its end", async () => {
    await using rig = await LinkRig.make();
    const closed = records(100_000);
    const { orders } = await rig.gateway({ closed });
    const { gateway, events } = rig.control();
    gateway.allow(allowSet());
    await orders.first(isA("allow"));
    expect(events.all).toEqual([]);
    await eventually(() => events.all.length > 0, "the hello has come", 60_000);
    const [hello] = events.all;
    expect(hello).toMatchObject({ is: "hello", closed: { length: 100_000 } });
    expect(rig.log.all).toEqual([]);
    gateway.acknowledge(closed.map(({ sessionId }) => sessionId));
    await eventually(
      () => orders.all.flatMap((order) => (order.is === "acknowledge" ? order.sessionIds : [])).length === 100_000,
      "all are acknowledged",
      60_000,
    );
  });

  it("is not even made for a control that does not read it", async () => {
    await using rig = await LinkRig.make();
    const closed = records(100_000);
    let made = 0;
    const counting = new Proxy(closed, {
      get: (target, name) => {
        if (name === "slice") made += 1;
        return Reflect.get(target, name) as unknown;
      },
    });
    const { link, orders } = await rig.gateway({ closed: counting });
    const sleeper = await rig.stranger();
    sleeper.pause();
    await orders.first(isA("connected"));
    await eventually(() => made > 0, "it has begun");
    for (let turns = 0; turns < 100; turns += 1) await new Promise((resolve) => setImmediate(resolve));
    // Of 400 parts.
    expect(made).toBeLessThan(20);
    // Nor does what follows it wait without bound.
    const news = { is: "request", request: { der: new Uint8Array(1_000_000), spkiSha256: KEY } } as const;
    for (let told = 0; told < 40; told += 1) link.tell(news);
    const line = await rig.log.first(({ event }) => event === "link.dropped");
    expect(line.data["err"]).toMatchObject({ code: "link.stalled" });
  });
});

describe("whoever does not keep up", () => {
  it("makes control wait, if it is the gateway, and gets every order in the end", async () => {
    await using rig = await LinkRig.make();
    const link = await listenForControl({ path: rig.path, log: rig.log });
    const flood = await rig.stranger();
    const lines = 200_000;
    flood.write('{"v":1,"is":"rotate-key"}\n'.repeat(lines));
    const sent = 26 * lines;
    for (let turns = 0; turns < 200; turns += 1) await new Promise((resolve) => setImmediate(resolve));
    expect(flood.writableLength).toBeGreaterThan(sent / 2);
    let obeyed = 0;
    for await (const order of link.orders(never)) {
      if (order.is === "rotate-key") obeyed += 1;
      if (obeyed === lines) break;
    }
    await link.close();
  });

  it("is let go, if it is control, and learns all from the next hello", async () => {
    await using rig = await LinkRig.make();
    const { link, orders } = await rig.gateway();
    const gateway = connectToGateway({ path: rig.path, clock: systemClock(), log: rig.log });
    const over = new AbortController();
    const events = gateway.events(over.signal)[Symbol.asyncIterator]();
    expect((await events.next()).value).toMatchObject({ is: "hello" });
    // Slowly enough for a control that reads.
    for (const [at, summary] of records(12_000).entries()) {
      link.tell({ is: "closed", summary: { ...summary, detail: "x".repeat(4_000) } });
      if (at % 50 === 0) await new Promise((resolve) => setImmediate(resolve));
    }
    const line = await rig.log.first(({ event }) => event === "link.dropped");
    expect(line.data["err"]).toMatchObject({ code: "link.stalled" });
    let heard = 0;
    let last: GatewayEvent["is"] | undefined;
    while (last !== "hello") {
      const next = await events.next();
      last = next.done ? "hello" : next.value.is;
      heard += 1;
    }
    expect(heard).toBeLessThan(6_000);
    expect(orders.all.map(({ is }) => is)).toEqual(["connected", "lost", "connected"]);
    over.abort();
  });
});
