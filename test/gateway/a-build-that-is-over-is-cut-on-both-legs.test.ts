import type { Socket } from "node:net";
import type { TLSSocket } from "node:tls";
import { expect, it } from "vitest";
import { Rig } from "./rig.ts";
import { answers } from "./visit.ts";

/** DESIGN, a build's certificate. */
const CUT_WITHIN_MS = 250;
const CUTS = 100;
/** Bytes that flow in each direction before the cut. */
const WARM_BYTES = 2_000_000;

/** Writes and reads as fast as it can; remembers when the last byte came. */
class Torrent {
  lastByteMs = 0;
  readonly over: Promise<void>;
  #received = 0;
  #warm: () => void = () => undefined;
  readonly warm = new Promise<void>((resolve) => (this.#warm = resolve));

  constructor(socket: Socket) {
    const chunk = Buffer.alloc(64 * 1024, 7);
    const pump = (): void => {
      while (socket.writable && socket.write(chunk));
    };
    socket.on("drain", pump).on("error", () => undefined);
    socket.on("data", (bytes: Buffer) => {
      this.lastByteMs = performance.now();
      this.#received += bytes.length;
      if (this.#received >= WARM_BYTES) this.#warm();
    });
    this.over = new Promise((resolve) => socket.once("close", resolve));
    pump();
  }
}

it(`within ${CUT_WITHIN_MS} ms of the order under full load both ways, 99 times of ${CUTS}`, async ({ annotate }) => {
  await using rig = await Rig.start({ asProcess: true, serve: () => undefined });
  const lags: number[] = [];
  for (let cut = 0; cut < CUTS; cut += 1) {
    const buildId = `b${cut}`;
    const revoked = cut % 2 === 1;
    const certificate = await rig.open(buildId);
    const from = rig.far.connections.all.length;
    const client = rig.connect(certificate);
    const legs = [new Torrent(client), new Torrent(await rig.far.connections.first(() => true, from))];
    await Promise.all(legs.map((leg) => leg.warm));
    const orderedMs = performance.now();
    rig.send({ grants: rig.grantsWithout(buildId), closed: new Map(revoked ? [[buildId, "revoked"]] : []) });
    await Promise.all(legs.map((leg) => leg.over));
    lags.push(Math.max(...legs.map((leg) => leg.lastByteMs)) - orderedMs);
    const { summary } = await rig.eventOf("closed", (event) => event.summary.build.buildId === buildId);
    expect(summary.ending).toBe(revoked ? "build-revoked" : "build-ended");
  }
  lags.sort((a, b) => a - b);
  await annotate(
    `last byte after the order: ${[49, 94, 98, 99].map((at) => `p${at + 1} ${lags[at]?.toFixed(1)} ms`).join(", ")}`,
  );
  expect(lags.filter((lag) => lag <= CUT_WITHIN_MS).length).toBeGreaterThanOrEqual(99);
}, 180_000);

it("tells control that the order is in force only after the cut", async () => {
  await using rig = await Rig.start();
  const client = rig.connect(await rig.open());
  expect(await answers(client)).toBe(true);
  const gone = new Promise((resolve) => client.once("close", resolve));
  await rig.allow({ grants: new Map() });
  // Nothing that is sent now can come back: were the session still alive, the echo would answer.
  let answered = false;
  client.on("data", () => (answered = true));
  client.write("anybody there?");
  await gone;
  expect(answered).toBe(false);
});

it("of fifty builds that end at once cuts each, and leaves their neighbour, before it says so", async () => {
  await using rig = await Rig.start();
  const spared = rig.connect(await rig.open("spared"));
  const doomed: TLSSocket[] = [];
  for (let count = 0; count < 50; count += 1) doomed.push(rig.connect(await rig.open(`doomed-${count}`)));
  expect(await Promise.all([spared, ...doomed].map(answers))).not.toContain(false);
  const answered: number[] = [];
  for (const [at, client] of doomed.entries()) client.on("data", () => answered.push(at));
  const gone = doomed.map((client) => new Promise((resolve) => client.once("close", resolve)));
  await rig.allow({ grants: rig.grantsWithout(...doomed.map((_, at) => `doomed-${at}`)) });
  for (const client of doomed) client.write("anybody there?");
  await Promise.all(gone);
  expect(answered).toEqual([]);
  expect(await answers(spared)).toBe(true);
});

it("and leaves the other build's session unharmed", async () => {
  await using rig = await Rig.start();
  const doomed = rig.connect(await rig.open("doomed"));
  const spared = rig.connect(await rig.open("spared"));
  expect([await answers(doomed), await answers(spared)]).toEqual([true, true]);
  const gone = new Promise((resolve) => doomed.once("close", resolve));
  rig.send({ grants: rig.grantsWithout("doomed") });
  await gone;
  expect(await answers(spared)).toBe(true);
});

it("and every session of the build, however many it has", async () => {
  await using rig = await Rig.start();
  const certificate = await rig.open();
  const clients = Array.from({ length: 5 }, () => rig.connect(certificate));
  await Promise.all(clients.map(answers));
  const gone = clients.map((client: TLSSocket) => new Promise((resolve) => client.once("close", resolve)));
  rig.control.cutAll();
  await Promise.all(gone);
  expect(await rig.eventOf("cut")).toMatchObject({ sessions: 5 });
  await rig.far.deserted();
});

it("and nobody is let in after all were cut, before the next orders", async () => {
  await using rig = await Rig.start();
  const certificate = await rig.open();
  const client = rig.connect(certificate);
  expect(await answers(client)).toBe(true);
  rig.control.cutAll();
  await rig.eventOf("cut");
  expect(await answers(rig.connect(certificate))).toBe(false);
  await rig.allow({});
  expect(await answers(rig.connect(certificate))).toBe(true);
});

it("even while it is on its way out, with bytes that the client has not taken", async () => {
  await using rig = await Rig.start({ serve: (socket) => socket.end(Buffer.alloc(32 * 1024 * 1024)) });
  const client = rig.connect(await rig.open());
  client.pause();
  await rig.far.connections.first(() => true);
  await rig.eventOf("stats", ({ stats }) => stats.bytesToClients > 100_000);
  await rig.allow({ grants: new Map() });
  const { summary } = await rig.eventOf("closed");
  expect(summary.ending).toBe("build-ended");
  await rig.far.deserted();
});
