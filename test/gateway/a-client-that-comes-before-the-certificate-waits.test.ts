import { expect, it } from "vitest";
import { systemClock } from "../../agent/adapters/clock/system-clock.ts";
import { Rig } from "./rig.ts";
import { answers } from "./visit.ts";

const REAL = systemClock();

/** What control does once the control plane has answered. */
async function certify(rig: Rig): Promise<void> {
  const { request } = await rig.eventOf("hello");
  await rig.certify(request);
  await rig.open("b1");
}

const waiting = (rig: Rig, count: number) =>
  rig.eventOf("stats", ({ stats }) => stats.pendingHandshakes === count && !stats.listening);

const refused = (rig: Rig, count: number) =>
  rig.eventOf("stats", ({ stats }) => stats.refused["not-serving-yet"] === count);

it("is served once there is one", async () => {
  await using rig = await Rig.start({ bare: true });
  const client = rig.connect(await rig.issue("b1"));
  const answered = answers(client);
  await waiting(rig, 1);
  await certify(rig);
  expect(await answered).toBe(true);
  const line = await rig.log.first(({ event }) => event === "gateway.can-serve");
  expect(line.data).toMatchObject({ clientsWaiting: 1 });
  expect(rig.log.all.some(({ event }) => event === "session.refused")).toBe(false);
});

it("waits within the limits of handshakes: of too many from one source the newest are served", async () => {
  await using rig = await Rig.start({ bare: true, limits: { maxPendingHandshakesPerSource: 2 } });
  const certificate = await rig.issue("b1");
  const answered: Promise<boolean>[] = [];
  for (let client = 1; client <= 5; client += 1) {
    const socket = rig.connect(certificate);
    answered.push(answers(socket));
    // One after the other comes in.
    await rig.localPort(socket);
  }
  await rig.eventOf("stats", ({ stats }) => stats.refused["displaced-by-newer"] === 3);
  await certify(rig);
  expect(await Promise.all(answered)).toEqual([false, false, false, true, true]);
});

it("hears within seconds that none has come, and then at once", async () => {
  let aheadMs = 0;
  const now = () => ({ wallMs: REAL.now().wallMs, monoMs: REAL.now().monoMs + aheadMs });
  await using rig = await Rig.start({ bare: true, clock: { ...REAL, now } });
  // However slow this machine is, there is less than a second to wait, or nothing.
  aheadMs = 9_000;
  const certificate = await rig.issue("b1");
  expect(await answers(rig.connect(certificate))).toBe(false);
  await refused(rig, 1);
  aheadMs = 10_000;
  const beganMs = performance.now();
  expect(await answers(rig.connect(certificate))).toBe(false);
  expect(performance.now() - beganMs).toBeLessThan(9_000);
  await refused(rig, 2);
  await certify(rig);
  expect(await answers(rig.connect(certificate))).toBe(true);
});
