import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { Belonging } from "../../agent/control/belong/belong.ts";
import { newBoard } from "../../agent/control/board/board.ts";
import { hearTime } from "../../agent/control/board/hear-time.ts";
import { Refusals } from "../../agent/control/board/refusals.ts";
import { keepCertificates } from "../../agent/control/certificates/certificates.ts";
import type { Boot, MachineFacts, Versions } from "../../agent/core/machine.ts";
import { PlaneError } from "../../agent/core/plane-status.ts";
import { NO_GATEWAY } from "../../agent/core/views.ts";
import type { ControlPlane, Registration, Renewal } from "../../agent/ports/control-plane.ts";
import type { MachineIdentity } from "../../agent/ports/keys.ts";
import type { Machine } from "../../agent/ports/machine.ts";
import {
  CERTIFICATE_READER,
  EVIDENCE,
  issue,
  SimulatedIdentityStore,
  SimulatedKeys,
  signingRequest,
} from "../agent/world/keys.ts";
import { ManualClock, settle } from "./manual-clock.ts";
import { GatewayStandIn, here, NO_METERS, NO_REPORT, notebook } from "./stand-ins.ts";

const MINUTE_MS = 60_000;
const LIFETIME_MS = 60 * MINUTE_MS;
const TRUST = { trustDomain: "builds.example", buildCas: ["-"] };
const TWO_HOURS = [-120, -61, -5, 0, 5, 61, 120].map((minutes) => ({ minutes }));

describe("a machine that proved itself with a token that is good once", () => {
  let clock: ManualClock;
  let stop: AbortController;
  let board: ReturnType<typeof newBoard>;
  let log: ReturnType<typeof notebook>;
  let store: SimulatedIdentityStore;
  let calls: string[];
  let isTokenSpent: boolean;
  let tellsTime: boolean;
  let start: () => Promise<void>;

  beforeEach(() => {
    clock = new ManualClock();
    stop = new AbortController();
    store = new SimulatedIdentityStore();
    calls = [];
    isTokenSpent = false;
    tellsTime = true;
    const chain = (key: string): string =>
      issue({ key, notBeforeMs: clock.trueMs - 5 * MINUTE_MS, notAfterMs: clock.trueMs + LIFETIME_MS });
    const told = () => (tellsTime ? { planeTimeMs: clock.trueMs } : {});
    const refused = (call: string): PlaneError => new PlaneError(call, "UNAUTHENTICATED", "not good enough", told());
    const check = ({ notAfterMs }: MachineIdentity, call: string): void => {
      if (notAfterMs <= clock.trueMs) throw refused(call);
    };
    const plane = {
      getChallenge: async () => {
        calls.push("GetChallenge");
        return { nonce: new Uint8Array(16), expiresAtMs: 0, audience: "", ...told() };
      },
      register: async ({ machineRequest, servingRequest }: Registration) => {
        calls.push("Register");
        if (isTokenSpent) throw refused("Register");
        isTokenSpent = true;
        const serving = servingRequest && { servingChainPem: chain(servingRequest.spkiSha256) };
        const machineChainPem = chain(machineRequest.spkiSha256);
        return { machineId: "m1", machineChainPem, ...serving, trust: TRUST, ...told() };
      },
      renew: async (identity: MachineIdentity, { machineRequest, servingRequest }: Renewal) => {
        calls.push("RenewCertificates");
        check(identity, "RenewCertificates");
        return {
          ...(machineRequest && { machineChainPem: chain(machineRequest.spkiSha256) }),
          ...(servingRequest && { servingChainPem: chain(servingRequest.spkiSha256) }),
          trust: TRUST,
          ...told(),
        };
      },
    } as unknown as ControlPlane; // the stream has its own tests
    start = async () => {
      const machine = { facts: async () => ({}) as MachineFacts } as unknown as Machine; // only passed on
      const boot = {
        bootId: "boot",
        facts: Promise.resolve({} as MachineFacts),
        versions: Promise.resolve({} as Versions),
      } as Boot;
      board = newBoard();
      log = notebook();
      const ports = {
        plane: hearTime(plane, clock, board),
        gateway: certifiedGateway(),
        keys: new SimulatedKeys(),
        evidence: EVIDENCE,
        certificates: CERTIFICATE_READER,
        identityStore: store,
        machine,
        meters: NO_METERS,
        clock,
        log,
      };
      const refusals = new Refusals(clock);
      const belonging = new Belonging(ports, board, boot, refusals);
      const prove = belonging.prove.bind(belonging);
      void belonging.begin(stop.signal).catch(() => undefined);
      void keepCertificates(ports, board, "boot", refusals, prove, NO_REPORT, stop.signal).catch(() => undefined);
      await settle();
    };
  });
  afterEach(() => stop.abort());

  /** A gateway that makes a key when it is told to, and takes each certificate. */
  function certifiedGateway(): GatewayStandIn {
    const gateway = new GatewayStandIn();
    let made = 0;
    const make = (): void => {
      made += 1;
      board.servingRequest.set(signingRequest(`g${made}`));
      board.gateway.update((view) => here(view, { uncertified: `g${made}` }));
    };
    board.gateway.set(here(NO_GATEWAY, {}));
    make();
    gateway.rotateKey = make;
    gateway.certify = (key, chainPem) => {
      const { notAfterMs } = CERTIFICATE_READER.read(chainPem, { spkiSha256: key });
      board.gateway.update((view) => here(view, { servingNotAfterMs: notAfterMs }));
    };
    return gateway;
  }

  async function restart(): Promise<void> {
    stop.abort();
    await settle();
    stop = new AbortController();
    calls.length = 0;
    await start();
  }

  it.each(TWO_HOURS)("asks twice in its first half hour where its clock is $minutes min ahead", async ({ minutes }) => {
    clock.step(minutes * MINUTE_MS);
    await start();
    await clock.advance(30 * MINUTE_MS);
    expect(calls).toEqual(["GetChallenge", "Register"]);
  });

  it.each(TWO_HOURS)("renews when it is due, its clock $minutes min ahead, and not late", async ({ minutes }) => {
    clock.step(minutes * MINUTE_MS);
    await start();
    await clock.advance(LIFETIME_MS * 0.68);
    expect(calls).toEqual(["GetChallenge", "Register", "RenewCertificates"]);
    await clock.advance(3 * LIFETIME_MS);
    expect(calls.filter((call) => call === "Register")).toHaveLength(1);
  });

  it.each(TWO_HOURS)("asks once at most when that clock, $minutes min ahead, is set right", async ({ minutes }) => {
    clock.step(minutes * MINUTE_MS);
    await start();
    await clock.advance(5_000);
    clock.step(-minutes * MINUTE_MS);
    await clock.advance(MINUTE_MS);
    expect(calls.slice(0, 2)).toEqual(["GetChallenge", "Register"]);
    expect(calls.length).toBeLessThanOrEqual(3);
    await clock.advance(LIFETIME_MS);
    expect(calls.filter((call) => call === "Register")).toHaveLength(1);
  });

  it.each(TWO_HOURS)("is who it was after a restart, its clock $minutes min ahead", async ({ minutes }) => {
    clock.step(minutes * MINUTE_MS);
    await start();
    await restart();
    await clock.advance(MINUTE_MS);
    // Its gateway started anew, too, and is certified.
    expect(calls.toSorted().filter((call) => call !== "GetChallenge")).toEqual(["RenewCertificates"]);
    expect(calls.length).toBeLessThanOrEqual(2);
    expect(board.identity.get()?.machineId).toBe("m1");
  });

  it("whose clock is set again and again does not register", async () => {
    await start();
    for (const minutes of [120, -120, 61, -200, 300, -161, 5, -5]) {
      clock.step(minutes * MINUTE_MS);
      await clock.advance(MINUTE_MS);
    }
    expect(calls.filter((call) => call === "Register")).toHaveLength(1);
    expect(calls.length).toBeLessThanOrEqual(2 + 8);
  });

  it("does so once more when it slept past its certificate's end, and tries until its evidence is good", async () => {
    await start();
    const before = board.identity.get();
    clock.sleepThrough(2 * LIFETIME_MS);
    await clock.advance(MINUTE_MS);
    expect(board.identity.get()).toBe(before);
    expect(board.plane.get().lastFailure).toContain("not good enough");
    // It is tried with pauses, and not in a loop.
    expect(calls.filter((call) => call === "Register").length).toBeGreaterThan(2);
    expect(calls.filter((call) => call === "Register").length).toBeLessThan(12);
    isTokenSpent = false;
    await clock.advance(MINUTE_MS);
    expect(board.identity.get()?.notAfterMs).toBeGreaterThan(clock.trueMs);
    expect(board.certificates.get().lastRenewalError).toBe("");
  });

  it.each(TWO_HOURS)(
    "goes by what was issued where no time is told, its clock $minutes min ahead",
    async ({ minutes }) => {
      tellsTime = false;
      clock.step(minutes * MINUTE_MS);
      await start();
      await clock.advance(30 * MINUTE_MS);
      expect(calls).toEqual(["GetChallenge", "Register"]);
    },
  );

  it("and is refused is told that its clock is the likely cause, with the control plane's time", async () => {
    isTokenSpent = true;
    clock.step(-120 * MINUTE_MS);
    await start();
    expect(board.plane.get().lastFailure).toContain(
      "UNAUTHENTICATED: not good enough; this machine's clock is likely the cause: it is 2 h 0 min behind " +
        "the control plane's: 2026-11-21T10:00:00Z here was 2026-11-21T12:00:00Z there",
    );
    clock.step(120 * MINUTE_MS);
    await clock.advance(MINUTE_MS);
    expect(board.plane.get().lastFailure).not.toContain("clock");
  });
});
