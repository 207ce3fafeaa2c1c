import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { certificateReader } from "../../agent/adapters/keys/certificate-reader.ts";
import { keyMaker } from "../../agent/adapters/keys/key-maker.ts";
import { newBoard } from "../../agent/control/board/board.ts";
import { hearTime } from "../../agent/control/board/hear-time.ts";
import { Refusals } from "../../agent/control/board/refusals.ts";
import { keepCertificates } from "../../agent/control/certificates/certificates.ts";
import { PLANE_STATUSES } from "../../agent/core/counted.ts";
import { PlaneError } from "../../agent/core/plane-status.ts";
import type { ControlPlane, Renewal, Renewed } from "../../agent/ports/control-plane.ts";
import type { MachineIdentity, PrivateKey, SigningRequest } from "../../agent/ports/keys.ts";
import { CertificateAuthority } from "../../sandbox/pki/certificate-authority.ts";
import type { CertificateProfile } from "../../sandbox/pki/certificate-profile.ts";
import { SimulatedIdentityStore } from "../agent/world/keys.ts";
import { ManualClock } from "./manual-clock.ts";
import { GatewayStandIn, here, listening, NO_METERS, NO_REPORT, notebook } from "./stand-ins.ts";

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const TRUST = { trustDomain: "builds.example", buildCas: ["-"] };
const NAME = `spiffe://${TRUST.trustDomain}/machine/m1`;

describe("what is held", () => {
  let clock: ManualClock;
  let stop: AbortController;
  let board: ReturnType<typeof newBoard>;
  let gateway: GatewayStandIn;
  let log: ReturnType<typeof notebook>;
  let ca: CertificateAuthority;
  let held: MachineIdentity;
  let servingNotAfterMs: number;
  let failed: { times: number };
  let registered: number;
  /** When each renewal was asked for. */
  let askedMs: number[];
  let answer: (renewal: Renewal) => Promise<Renewed>;

  const dates = (): Pick<CertificateProfile, "notBefore" | "notAfter"> => ({
    notBefore: new Date(clock.trueMs - 5 * MINUTE_MS),
    notAfter: new Date(clock.trueMs + HOUR_MS),
  });

  async function chain(request: SigningRequest, over: CertificateProfile = {}): Promise<string> {
    return (await ca.certify({ csrDer: request.der }, { uriSans: [NAME], ...dates(), ...over })).chainPem;
  }

  /** A good answer, with what is wrong about it. */
  async function answered(
    { machineRequest, servingRequest }: Renewal,
    machine: CertificateProfile = {},
    serving: CertificateProfile = {},
  ): Promise<Renewed> {
    return {
      ...(machineRequest && { machineChainPem: await chain(machineRequest, machine) }),
      ...(servingRequest && { servingChainPem: await chain(servingRequest, serving) }),
      trust: TRUST,
    };
  }

  beforeEach(async () => {
    clock = new ManualClock();
    stop = new AbortController();
    board = newBoard();
    gateway = new GatewayStandIn();
    log = notebook();
    [failed, registered, askedMs] = [{ times: 0 }, 0, []];
    ca = await CertificateAuthority.create({ name: "machines", notBefore: new Date(0) });
    const key = await keyMaker().make();
    const chainPem = await chain(await key.request("m1"));
    held = { machineId: "m1", key, chainPem, ...certificateReader().read(chainPem, key, NAME) };
    servingNotAfterMs = clock.trueMs + HOUR_MS;
    board.identity.set(held);
    board.gateway.set(listening({ servingNotAfterMs }).get());
    const rotate = async (): Promise<PrivateKey> => {
      const made = await keyMaker().make();
      board.servingRequest.set(await made.request("serving"));
      board.gateway.update((view) => here(view, { uncertified: made.spkiSha256 }));
      return made;
    };
    gateway.rotateKey = () => void clock.during(rotate());
    const plane = {
      renew: async (_: MachineIdentity, renewal: Renewal) => {
        askedMs.push(clock.trueMs);
        return { ...(await clock.during(answer(renewal))), planeTimeMs: clock.trueMs };
      },
    } as unknown as ControlPlane; // only renew() is asked here
    const ports = {
      plane: hearTime(plane, clock, board),
      gateway,
      keys: { make: () => clock.during(keyMaker().make()) },
      certificates: certificateReader(),
      identityStore: new SimulatedIdentityStore(),
      meters: { ...NO_METERS, renewalFailed: () => void (failed.times += 1) },
      clock,
      log,
    };
    const prove = async (): Promise<boolean> => {
      registered += 1;
      return false;
    };
    void keepCertificates(ports, board, "boot", new Refusals(clock), prove, NO_REPORT, stop.signal);
  });
  afterEach(() => stop.abort());

  async function untilDue(): Promise<void> {
    await clock.advance(HOUR_MS * 0.6);
    expect(askedMs).toEqual([]);
    for (let minute = 0; failed.times === 0 && minute < 10; minute += 1) await clock.advance(MINUTE_MS);
    expect(failed.times).toBeGreaterThan(0);
  }

  function isKept(): void {
    expect(board.identity.get()).toBe(held);
    expect(gateway.told.filter((told) => told.startsWith("certify"))).toEqual([]);
    expect(log.events).not.toContain("certificates.renewed");
  }

  const iso = (ms: number): string => new Date(ms).toISOString();

  it.each<{ what: string; give: (renewal: Renewal) => Promise<Renewed>; says: string }>([
    {
      what: "what is no certificate",
      give: async (renewal) => ({ ...(await answered(renewal)), machineChainPem: "certainly" }),
      says: "holds no PEM certificate, or a broken one",
    },
    {
      what: "a certificate for another key",
      give: async (renewal) => ({ ...(await answered(renewal)), machineChainPem: held.chainPem }),
      says: "is for another key",
    },
    {
      what: "another machine's name",
      give: (renewal) => answered(renewal, { uriSans: [NAME.replace("m1", "m2")] }),
      says: `m2, not for URI:${NAME}`,
    },
    {
      what: "a certificate that has ended",
      give: (renewal) => answered(renewal, { notAfter: new Date(clock.trueMs - MINUTE_MS) }),
      says: "ended at",
    },
    {
      what: "one that begins in an hour",
      give: (renewal) => answered(renewal, { notBefore: new Date(clock.trueMs + HOUR_MS / 2) }),
      says: "begins at",
    },
    {
      what: "a serving certificate for another key beside a good one for the machine",
      give: async (renewal) => ({ ...(await answered(renewal)), servingChainPem: held.chainPem }),
      says: "is for another key",
    },
    {
      what: "a serving certificate that has ended, beside a good one for the machine",
      give: (renewal) => answered(renewal, {}, { notAfter: new Date(clock.trueMs - MINUTE_MS) }),
      says: "ended at",
    },
  ])("is kept where the answer has $what, which is told; the next good one is taken", async ({ give, says }) => {
    answer = give;
    await untilDue();
    isKept();
    expect(board.certificates.get().lastRenewalError).toContain(says);
    expect(log.events).toContain("certificates.renewal-failed");
    expect(registered).toBe(0);
    const wrong = askedMs.length;
    answer = (renewal) => answered(renewal);
    await clock.advance(10 * MINUTE_MS);
    expect(askedMs).toHaveLength(wrong + 1);
    expect(board.identity.get()?.notAfterMs).toBeGreaterThan(held.notAfterMs);
    expect(gateway.told.filter((told) => told.startsWith("certify"))).toHaveLength(1);
    expect(board.certificates.get().lastRenewalError).toBe("");
  });

  it.each(PLANE_STATUSES)(
    "is kept where the answer is %s, and asked for again with growing pauses until its end",
    async (status) => {
      answer = () => Promise.reject(new PlaneError("RenewCertificates", status, "not today"));
      await untilDue();
      await clock.advance(held.notAfterMs - clock.trueMs - 2 * MINUTE_MS);
      isKept();
      expect(board.certificates.get().lastRenewalError).toContain(`${status}: not today`);
      // Twenty minutes, with pauses of half a minute or a fifth of what is left.
      expect(askedMs.length).toBeGreaterThan(4);
      expect(askedMs.length).toBeLessThan(45);
      expect(registered > 0).toBe(status === "UNAUTHENTICATED");
    },
  );

  it("is kept where the answer is lost on its way: the next one is for fresh keys, and taken", async () => {
    const lost: Renewal[] = [];
    answer = (renewal) => {
      lost.push(renewal);
      // The control plane issued, and nobody heard of it.
      return Promise.reject(new PlaneError("RenewCertificates", "DEADLINE_EXCEEDED", "no answer"));
    };
    await untilDue();
    isKept();
    answer = async (renewal) => {
      const before = lost.map(({ machineRequest }) => machineRequest?.spkiSha256);
      expect(before).not.toContain(renewal.machineRequest?.spkiSha256);
      return answered(renewal);
    };
    await clock.advance(10 * MINUTE_MS);
    expect(board.identity.get()).not.toBe(held);
    expect(iso(board.identity.get()!.notAfterMs) > iso(held.notAfterMs)).toBe(true);
  });
});
