import { setTimeout as sleep } from "node:timers/promises";
import type { TLSSocket } from "node:tls";
import { expect, it } from "vitest";
import { systemClock } from "../../agent/adapters/clock/system-clock.ts";
import { nodePeerReader } from "../../agent/adapters/x509/peer-reader.ts";
import type { Clock } from "../../agent/ports/clock.ts";
import { CertificateAuthority } from "../../sandbox/pki/certificate-authority.ts";
import { grantFor, HOUR_MS, Rig, uriOf } from "./rig.ts";
import { answers, visit } from "./visit.ts";

/** The real clock, until somebody sets it. */
class SteppedClock implements Clock {
  readonly #real = systemClock();
  stepMs = 0;
  random = (): number => this.#real.random();
  now = () => ({ wallMs: this.#real.now().wallMs + this.stepMs, monoMs: this.#real.now().monoMs });
  sleep = (ms: number, signal: AbortSignal): Promise<void> => this.#real.sleep(ms, signal);
}

interface RunningOut {
  readonly client: TLSSocket;
  readonly dueMs: number;
}

/**
 * How a session ends that is opened on what lasts `ms`; on what lasts twice as long where this
 * machine was too slow to open it.
 */
async function endingOf(rig: Rig, ms: number, open: (ms: number) => Promise<RunningOut>): Promise<string> {
  const sinceMs = Date.now();
  const { client, dueMs } = await open(ms);
  const gone = new Promise((resolve) => client.once("close", resolve));
  if (!(await answers(client))) return endingOf(rig, 2 * ms, open);
  await gone;
  const lateMs = Date.now() - dueMs;
  expect(lateMs).toBeGreaterThanOrEqual(-1_000);
  expect(lateMs).toBeLessThan(LATE_MS);
  const { summary } = await rig.eventOf("closed", ({ summary: { openedAtMs } }) => openedAtMs >= sinceMs);
  return summary.ending;
}

/** An expiry is noticed within 100 ms; without, these sessions have hours. */
const LATE_MS = 20_000;

it.each([
  { what: "grant", grantMs: 1_500, certificateMs: HOUR_MS, ending: "grant-expired" },
  { what: "certificate", grantMs: HOUR_MS, certificateMs: 2_500, ending: "certificate-expired" },
])("a session is cut when its $what expires", async ({ grantMs, certificateMs, ending }) => {
  await using rig = await Rig.start();
  const lasts = (of: number, ms: number): number => (of === HOUR_MS ? HOUR_MS : ms);
  const found = await endingOf(rig, Math.min(grantMs, certificateMs), async (ms) => {
    const grant = grantFor("b1", { expiresAtMs: Date.now() + lasts(grantMs, ms) });
    await rig.allow({ grants: new Map([["b1", grant]]) });
    const certificate = await rig.issue("b1", { notAfter: new Date(Date.now() + lasts(certificateMs, ms)) });
    return { client: rig.connect(certificate), dueMs: Math.min(grant.expiresAtMs, certificate.notAfter.getTime()) };
  });
  expect(found).toBe(ending);
});

it.each([
  { what: "CA", bundled: "the CA", caMs: 2_500, intermediateMs: HOUR_MS },
  { what: "intermediate, which is in the trust bundle,", bundled: "both", caMs: HOUR_MS, intermediateMs: 2_500 },
  { what: "intermediate, which the client sent,", bundled: "below", caMs: HOUR_MS, intermediateMs: 2_500 },
  { what: "CA, below an intermediate that the client sent,", bundled: "below", caMs: 2_500, intermediateMs: HOUR_MS },
])("a session is cut when its $what expires before the certificate does", async ({ bundled, caMs, intermediateMs }) => {
  await using rig = await Rig.start();
  const lasts = (of: number, ms: number): number => (of === HOUR_MS ? HOUR_MS : ms);
  const ending = await endingOf(rig, Math.min(caMs, intermediateMs), async (ms) => {
    const ca = await CertificateAuthority.create({ name: "short-lived", validForMs: lasts(caMs, ms) });
    const intermediate = await ca.intermediate({ name: "intermediate", validForMs: lasts(intermediateMs, ms) });
    const issuer = bundled === "the CA" ? ca : intermediate;
    const buildCas = bundled === "both" ? [ca.certPem, intermediate.certPem] : [ca.certPem];
    await rig.allow({ buildCas, grants: new Map([["b1", grantFor("b1")]]) });
    const dueMs = Date.now() + ms;
    return { client: rig.connect(await issuer.issue({ uriSans: [uriOf("b1")] })), dueMs };
  });
  expect(ending).toBe("certificate-expired");
});

it("a step of the clock counts: what has expired by it is cut", async () => {
  const clock = new SteppedClock();
  await using rig = await Rig.start({ clock });
  const client = rig.connect(await rig.open("b1", { expiresAtMs: Date.now() + HOUR_MS / 2 }));
  expect(await answers(client)).toBe(true);
  clock.stepMs = HOUR_MS * 0.75;
  const { summary } = await rig.eventOf("closed");
  expect(summary.ending).toBe("grant-expired");
});

it("a grant may be made longer, or run for years", async () => {
  await using rig = await Rig.start();
  const client = rig.connect(await rig.open("b1", { expiresAtMs: Date.now() + 800 }));
  expect(await answers(client)).toBe(true);
  const years = grantFor("b1", { expiresAtMs: Date.now() + 20 * 365 * 24 * HOUR_MS });
  await rig.allow({ grants: new Map([["b1", years]]) });
  await sleep(1_000);
  expect(await answers(client)).toBe(true);
  expect(rig.events.all.some((event) => event.is === "closed")).toBe(false);
});

it("a CA that leaves the trust bundle takes its sessions with it, and only those", async () => {
  await using rig = await Rig.start();
  const next = await CertificateAuthority.create({ name: "next CA" });
  const certificate = await rig.open();
  await rig.allow({ buildCas: [rig.ca.certPem, next.certPem] });
  const old = rig.connect(certificate);
  const young = rig.connect(await next.issue({ uriSans: [uriOf("b1")] }));
  expect([await answers(old), await answers(young)]).toEqual([true, true]);
  await rig.allow({ buildCas: [next.certPem] });
  const { summary } = await rig.eventOf("closed");
  expect(summary.ending).toBe("ca-withdrawn");
  expect(await answers(young)).toBe(true);
  expect(await visit(rig, rig.connect(certificate))).toMatchObject({ served: false, reason: "chain-not-trusted" });
  await rig.allow({ buildCas: [] });
  await rig.eventOf(
    "closed",
    (event) => event.summary.ending === "ca-withdrawn" && event.summary.sessionId !== summary.sessionId,
  );
});

it("a chain that we cannot follow ourselves rests on every CA that it may lead to", async () => {
  // As Node 24 behaves, which does not tell a server which intermediates came.
  await using rig = await Rig.start({ peers: { ...nodePeerReader(), anchor: () => undefined } });
  const next = await CertificateAuthority.create({ name: "next CA" });
  const certificate = await (await rig.ca.intermediate({ name: "intermediate" })).issue({ uriSans: [uriOf("b1")] });
  await rig.open();
  const client = rig.connect(certificate);
  expect(await answers(client)).toBe(true);
  await rig.allow({ buildCas: [rig.ca.certPem, next.certPem] });
  expect(await answers(client)).toBe(true);
  // This one may lead to either, so that it rests on both.
  const later = rig.connect(certificate);
  expect(await answers(later)).toBe(true);
  await rig.allow({ buildCas: [next.certPem] });
  for (const peer of [await rig.localPort(client), await rig.localPort(later)]) {
    const { summary } = await rig.eventOf("closed", (event) => event.summary.peer.endsWith(`:${peer}`));
    expect(summary.ending).toBe("ca-withdrawn");
  }
});

it("a CA that was issued anew for the same key keeps its sessions", async () => {
  await using rig = await Rig.start();
  const renewed = await CertificateAuthority.create({ name: "build CA", key: rig.ca.key });
  const certificate = await rig.open();
  const client = rig.connect(certificate);
  expect(await answers(client)).toBe(true);
  await rig.allow({ buildCas: [renewed.certPem] });
  expect(await answers(client)).toBe(true);
  expect(await visit(rig, rig.connect(certificate))).toMatchObject({ served: true });
});

it("a CA that cannot be read is left out, and does not keep a revocation from being obeyed", async () => {
  await using rig = await Rig.start();
  const client = rig.connect(await rig.open());
  expect(await answers(client)).toBe(true);
  await rig.allow({
    buildCas: ["no certificate at all", rig.ca.certPem],
    grants: new Map(),
    closed: new Map([["b1", "revoked"]]),
  });
  const { summary } = await rig.eventOf("closed");
  expect(summary.ending).toBe("build-revoked");
  await rig.log.first(({ event }) => event === "policy.ca-unreadable");
});

it("a view that nobody has confirmed for 5 minutes lets nothing new in, and ends nothing", async () => {
  const clock = new SteppedClock();
  await using rig = await Rig.start({ clock });
  const certificate = await rig.open();
  const client = rig.connect(certificate);
  expect(await answers(client)).toBe(true);
  clock.stepMs = 5 * 60_000 + 1_000;
  expect(await visit(rig, rig.connect(certificate))).toMatchObject({ served: false, reason: "view-too-old" });
  expect(await answers(client)).toBe(true);
  rig.control.confirm(clock.now());
  await rig.allow();
  expect(await visit(rig, rig.connect(certificate))).toMatchObject({ served: true });
});

it("closed admission lets nothing new in, says why, and ends nothing", async () => {
  await using rig = await Rig.start();
  const certificate = await rig.open();
  const client = rig.connect(certificate);
  expect(await answers(client)).toBe(true);
  await rig.allow({ admission: { at: "closed", because: "the disk is full" } });
  expect(await visit(rig, rig.connect(certificate))).toMatchObject({
    served: false,
    reason: "not-admitting",
    detail: "the disk is full",
  });
  expect(await answers(client)).toBe(true);
});
