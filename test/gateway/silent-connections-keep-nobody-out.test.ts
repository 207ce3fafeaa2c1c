import { connect, type Socket } from "node:net";
import { describe, expect, it } from "vitest";
import { systemClock } from "../../agent/adapters/clock/system-clock.ts";
import { Crowd } from "../../agent/gateway/crowd.ts";
import { DEFAULT_LIMITS } from "../../agent/gateway/limits.ts";
import { sourceOf } from "../../agent/gateway/source.ts";
import { Rig } from "./rig.ts";
import { answers, visit } from "./visit.ts";

const REAL = systemClock();

/** Opens connections that never say a word. */
async function silence(rig: Rig, count: number): Promise<readonly Socket[]> {
  return Promise.all(
    Array.from(
      { length: count },
      () =>
        new Promise<Socket>((resolve) => {
          const socket = connect(rig.port, "127.0.0.1", () => resolve(socket));
          socket.on("error", () => undefined).on("close", () => resolve(socket));
        }),
    ),
  );
}

describe("60 silent connections", () => {
  it.each([
    { limits: "default limits", values: {} },
    {
      limits: "tiny limits",
      values: {
        maxConnections: 6,
        maxConnectionsPerSource: 5,
        maxPendingHandshakes: 4,
        maxPendingHandshakesPerSource: 3,
      },
    },
    {
      limits: "room for one connection",
      values: {
        maxConnections: 1,
        maxConnectionsPerSource: 1,
        maxPendingHandshakes: 1,
        maxPendingHandshakesPerSource: 1,
      },
    },
  ])("beside a good client with $limits: it is served at once", async ({ values }) => {
    await using rig = await Rig.start({ limits: values });
    const certificate = await rig.open();
    const sockets = await silence(rig, 60);
    const startedMs = performance.now();
    expect(await visit(rig, rig.connect(certificate))).toMatchObject({ served: true });
    expect(performance.now() - startedMs).toBeLessThan(5_000);
    for (const socket of sockets) socket.destroy();
  });
});

/** The header of a handshake record of 512 bytes, which never come. */
const BEGUN = Buffer.from([22, 3, 1, 2, 0]);

it.each([
  { what: "a handshake that does not come to an end", sent: BEGUN, reason: "handshake-timeout", level: "warn" },
  { what: "a connection that says nothing", sent: Buffer.of(), reason: "tcp-probe", level: "debug" },
])("drops $what", async ({ sent, reason, level }) => {
  await using rig = await Rig.start({ limits: { handshakeTimeoutMs: 200 } });
  await rig.open();
  const [socket] = await silence(rig, 1);
  socket?.write(sent);
  await new Promise((resolve) => socket?.once("close", resolve));
  const line = await rig.log.first(({ event }) => event === "session.refused");
  expect(line).toMatchObject({ level, data: { reason } });
  await rig.eventOf("stats", ({ stats }) => stats.refused[reason] === 1);
});

it.each([
  { limit: "maxConnectionsPerSource", reason: "too-many-connections-of-source" },
  { limit: "maxConnections", reason: "too-many-connections" },
])(
  "never gives up a session for a newcomer: beyond $limit the newcomer is turned away, counted and told",
  async ({ limit, reason }) => {
    await using rig = await Rig.start({ limits: { [limit]: 2 } });
    const certificate = await rig.open();
    const first = rig.connect(certificate);
    const second = rig.connect(certificate);
    expect([await answers(first), await answers(second)]).toEqual([true, true]);
    const from = rig.log.all.length;
    const third = rig.connect(certificate);
    expect(await answers(third)).toBe(false);
    const line = await rig.log.first(({ event }) => event === "session.refused", from);
    expect(line.data).toMatchObject({ reason });
    await rig.eventOf("stats", ({ stats }) => stats.refused[reason] === 1);
    expect([await answers(first), await answers(second)]).toEqual([true, true]);
    first.destroy();
    await rig.eventOf("closed");
    expect(await answers(rig.connect(certificate))).toBe(true);
  },
);

it("logs a flood of refusals in part and counts it whole", async () => {
  let aheadMs = 0;
  const now = () => ({ wallMs: REAL.now().wallMs, monoMs: REAL.now().monoMs + aheadMs });
  await using rig = await Rig.start({ bare: true, clock: { ...REAL, now } });
  // Nobody waits any longer for a certificate.
  aheadMs = 10_000;
  const flood = await silence(rig, 300);
  expect(flood).toHaveLength(300);
  await rig.eventOf("stats", ({ stats }) => stats.refused["not-serving-yet"] === 300);
  const lines = rig.log.all.filter(({ event }) => event === "session.refused");
  expect(lines.length).toBeGreaterThanOrEqual(100);
  expect(lines.length).toBeLessThan(300);
});

describe("who makes room", () => {
  const crowd = (limits: Partial<typeof DEFAULT_LIMITS>): Crowd<{ source: string; name: string }> =>
    new Crowd({ ...DEFAULT_LIMITS, ...limits });
  const visitor = (source: string, name: string): { source: string; name: string } => ({ source, name });

  it("is the oldest of the same source, if that source is full", () => {
    const full = crowd({ maxPendingHandshakesPerSource: 2 });
    const [a1, b1, b2] = [visitor("a", "a1"), visitor("b", "b1"), visitor("b", "b2")];
    for (const early of [a1, b1, b2]) full.enter(early);
    expect(full.enter(visitor("b", "b3"))).toEqual({ admitted: true, displaced: b1 });
    expect(full.pendingHandshakes).toBe(3);
  });

  it("is the oldest of the busiest source, if all is full", () => {
    const full = crowd({ maxPendingHandshakes: 3 });
    const [a1, b1, b2] = [visitor("a", "a1"), visitor("b", "b1"), visitor("b", "b2")];
    for (const early of [a1, b1, b2]) full.enter(early);
    expect(full.enter(visitor("c", "c1"))).toEqual({ admitted: true, displaced: b1 });
  });

  it("is nobody, if all that is there are sessions", () => {
    const full = crowd({ maxConnections: 1 });
    const session = visitor("a", "a1");
    full.enter(session);
    expect(full.settle(session)).toBe(true);
    expect(full.enter(visitor("b", "b1"))).toEqual({ admitted: false, because: "too-many-connections" });
    full.leave(session);
    full.leave(session);
    expect(full.enter(visitor("b", "b2"))).toEqual({ admitted: true });
    expect(full.enter(visitor("b", "b3"))).toMatchObject({ admitted: true, displaced: { name: "b2" } });
  });
});

describe("a source is", () => {
  it.each([
    ["10.1.2.3", "10.1.2.3"],
    ["::ffff:10.1.2.3", "10.1.2.3"],
    ["2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"],
    ["2001:db8:1:2::9", "2001:db8:1:2::/64"],
    ["2001:0DB8:0001:0002::", "2001:db8:1:2::/64"],
    ["2001:db8::1", "2001:db8:0:0::/64"],
    ["::1", "0:0:0:0::/64"],
    ["fe80::1%eth0", "fe80:0:0:0::/64"],
  ])("%s → %s", (address, source) => expect(sourceOf(address)).toBe(source));
});
