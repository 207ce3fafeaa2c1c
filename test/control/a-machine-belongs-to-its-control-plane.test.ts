import { beforeEach, describe, expect, it } from "vitest";
import { Belonging } from "../../agent/control/belong/belong.ts";
import { newBoard } from "../../agent/control/board/board.ts";
import { MachineRefused, Refusals } from "../../agent/control/board/refusals.ts";
import type { Boot, MachineFacts, Versions } from "../../agent/core/machine.ts";
import { PlaneError } from "../../agent/core/plane-status.ts";
import { Secret } from "../../agent/core/secret.ts";
import { NO_GATEWAY } from "../../agent/core/views.ts";
import type { ControlPlane, Registration } from "../../agent/ports/control-plane.ts";
import type { Evidence } from "../../agent/ports/evidence.ts";
import type { MachineIdentity, PrivateKey, SigningRequest, StoredIdentity } from "../../agent/ports/keys.ts";
import type { Machine } from "../../agent/ports/machine.ts";
import { ManualClock, settle } from "./manual-clock.ts";
import { GatewayStandIn, here, NO_METERS, notebook } from "./stand-ins.ts";

const HOUR_MS = 3_600_000;
const TRUST = { trustDomain: "builds.example", buildCas: ["-"] };
const FACTS = { hostname: "builder" } as MachineFacts; // only passed on
const VERSIONS: Versions = { agent: "1", node: "20", buildkit: "0", contract: "1" };
const EVIDENCE: Evidence = { kind: "oidc-token", jwt: new Secret("jwt") };
const request = (spkiSha256: string): SigningRequest => ({ der: new Uint8Array(), spkiSha256 });
const away = (): PlaneError => new PlaneError("Register", "UNAVAILABLE", "restarting");
const suspect = (): PlaneError => new PlaneError("Register", "PERMISSION_DENIED", "RBAC: access denied");
const refused = (): PlaneError =>
  new PlaneError("Register", "PERMISSION_DENIED", "unknown machine", { refusal: { code: "machine-refused" } });

describe("a machine", () => {
  /** Whether its certificate turns out to be good after all. */
  let isGood: () => boolean;
  let clock: ManualClock;
  let gateway: GatewayStandIn;
  let log: ReturnType<typeof notebook>;
  let board: ReturnType<typeof newBoard>;
  let stop: AbortController;
  let registrations: Registration[];
  /** What the next registrations fail with, in order; after them each succeeds. */
  let failures: Error[];
  let challenges: number;
  let stored: StoredIdentity | undefined;
  let facts: Promise<MachineFacts>;
  let belonging: Belonging;

  beforeEach(() => {
    clock = new ManualClock();
    gateway = new GatewayStandIn();
    log = notebook();
    board = newBoard();
    board.gateway.set(here(NO_GATEWAY, { uncertified: "g1" }));
    board.servingRequest.set(request("g1"));
    stop = new AbortController();
    registrations = [];
    failures = [];
    isGood = () => false;
    challenges = 0;
    stored = undefined;
    facts = Promise.resolve(FACTS);
    const plane = {
      getChallenge: async () => ({ nonce: Uint8Array.of(++challenges), expiresAtMs: 0, audience: "" }),
      register: async (registration: Registration) => {
        registrations.push(registration);
        const failure = failures.shift();
        if (failure !== undefined) throw failure;
        const serving = registration.servingRequest && { servingChainPem: "serving-chain" };
        return { machineId: `m${registrations.length}`, machineChainPem: "chain", trust: TRUST, ...serving };
      },
    } as unknown as ControlPlane; // the stream has its own tests
    let made = 0;
    const key = (name: string): PrivateKey => ({
      spkiDer: new Uint8Array(),
      spkiSha256: name,
      request: async () => request(name),
      pem: new Secret("-"),
    });
    belonging = new Belonging(
      {
        plane,
        gateway,
        keys: { make: async () => key(`k${++made}`) },
        evidence: { kind: EVIDENCE.kind, gather: async () => EVIDENCE },
        certificates: {
          read: () => ({ notBeforeMs: clock.now().wallMs, notAfterMs: clock.now().wallMs + HOUR_MS }),
        },
        identityStore: {
          load: async () => stored,
          save: async (_boot, identity) => void (stored = identity),
          forget: async () => {},
        },
        machine: { facts: async () => ({ ...FACTS, hostname: "asked again" }) } as unknown as Machine, // only its facts
        meters: NO_METERS,
        clock,
        log,
      },
      board,
      {
        bootId: "boot",
        versions: Promise.resolve(VERSIONS),
        get facts() {
          return facts;
        },
      } as Boot,
      new Refusals(clock),
    );
  });

  const machineId = (): string | undefined => board.identity.get()?.machineId;

  describe("that starts", () => {
    it("proves itself with fresh evidence, and its gateway gets the certificate that came with it", async () => {
      await belonging.begin(stop.signal);
      expect(registrations).toEqual([
        {
          nonce: Uint8Array.of(1),
          evidence: EVIDENCE,
          machineRequest: request("k1"),
          servingRequest: request("g1"),
          facts: FACTS,
          versions: VERSIONS,
        },
      ]);
      expect(machineId()).toBe("m1");
      expect(stored).toMatchObject({ identity: { machineId: "m1" }, trust: TRUST });
      expect(board.certificates.get().machineNotAfterMs).toBe(clock.now().wallMs + HOUR_MS);
      expect(gateway.told).toEqual(["certify g1 serving-chain"]);
      // On its way: it is not asked for a second time.
      expect(board.gateway.get()).not.toHaveProperty("uncertified");
    });

    it("waits three seconds for its gateway's request, and then registers without it, and says so", async () => {
      board.servingRequest.set(undefined);
      const begun = belonging.begin(stop.signal);
      await clock.advance(2_999);
      expect(registrations).toEqual([]);
      await clock.advance(1);
      await begun;
      expect(registrations).toHaveLength(1);
      expect(registrations[0]).not.toHaveProperty("servingRequest");
      expect(log.events).toEqual(["identity.registering-without-gateway", "identity.registered"]);
      expect(machineId()).toBe("m1");
      expect(gateway.told).toEqual([]);
    });

    it("registers with the request of a gateway that comes within that time, at once", async () => {
      board.servingRequest.set(undefined);
      const begun = belonging.begin(stop.signal);
      await clock.advance(1_000);
      board.servingRequest.set(request("g2"));
      await begun;
      expect(registrations[0]?.servingRequest).toEqual(request("g2"));
      expect(log.events).toEqual(["identity.registered"]);
    });

    it("looks at itself again where the first look failed", async () => {
      facts = Promise.reject(new Error("lsblk: killed"));
      facts.catch(() => undefined);
      await belonging.begin(stop.signal);
      expect(registrations[0]?.facts.hostname).toBe("asked again");
    });

    it("is who it was before, where an earlier start of this boot left a certificate that is still good", async () => {
      const { wallMs } = clock.now();
      const identity = { machineId: "m0", notAfterMs: wallMs + 1 } as MachineIdentity; // only its name and end are asked
      stored = { identity, trust: TRUST };
      await belonging.begin(stop.signal);
      expect(machineId()).toBe("m0");
      expect(registrations).toEqual([]);
      expect(board.certificates.get().machineNotAfterMs).toBe(wallMs + 1);
    });

    it("registers anew where that certificate has just ended, with the key that it is known by", async () => {
      const key = { spkiSha256: "k0", request: async () => request("k0") } as unknown as PrivateKey; // as far as it is asked
      stored = {
        identity: { machineId: "m0", key, chainPem: "", notBeforeMs: 0, notAfterMs: clock.now().wallMs },
        trust: TRUST,
      };
      await belonging.begin(stop.signal);
      expect(machineId()).toBe("m1");
      expect(registrations.map(({ machineRequest }) => machineRequest)).toEqual([request("k0")]);
    });

    it("comes with the same key each time: only the answer may have been lost", async () => {
      failures = [away(), away()];
      const begun = belonging.begin(stop.signal);
      await clock.advance(10_000);
      await begun;
      expect(registrations.map(({ machineRequest }) => machineRequest)).toEqual([1, 2, 3].map(() => request("k1")));
      expect(await belonging.prove(stop.signal, () => false)).toBe(true);
      expect(registrations.at(-1)?.machineRequest).toEqual(request("k1"));
    });

    it("proves itself anew with the key of its newest certificate", async () => {
      await belonging.begin(stop.signal);
      const key = { spkiSha256: "renewed", request: async () => request("renewed") } as unknown as PrivateKey; // as far as it is asked
      board.identity.update((identity) => identity && { ...identity, key });
      expect(await belonging.prove(stop.signal, () => false)).toBe(true);
      expect(registrations.at(-1)?.machineRequest).toEqual(request("renewed"));
    });

    it("tries again with a fresh challenge until it is heard, tells why it is not, and pauses 30 s at most", async () => {
      failures = Array.from({ length: 12 }, away);
      const begun = belonging.begin(stop.signal);
      await settle();
      expect(board.plane.get().lastFailure).toContain("restarting");
      expect(log.events).toEqual(["identity.registration-failed"]);
      // Half of each ceiling: nine that grow by half from 1 s, and then 30 s.
      await clock.advance([500, 750, 1_125, 1_688, 2_531, 3_797, 5_695, 8_543, 12_814].reduce((a, b) => a + b) - 1);
      expect(registrations).toHaveLength(9);
      await clock.advance(1);
      expect(registrations).toHaveLength(10);
      await clock.advance(2 * 15_000 - 1);
      expect(registrations).toHaveLength(11);
      await clock.advance(1);
      expect(registrations).toHaveLength(12);
      await clock.advance(15_000);
      await begun;
      expect(new Set(registrations.map(({ nonce }) => nonce[0])).size).toBe(13);
    });

    it("tries at once when it is asked to", async () => {
      failures = Array.from({ length: 8 }, away);
      const begun = belonging.begin(stop.signal);
      await settle();
      for (let again = 0; again < 8; again += 1) {
        board.retryNow.note();
        await settle();
      }
      await begun;
      expect(registrations).toHaveLength(9);
    });

    it("gives up when it is refused for good", async () => {
      failures = [away(), refused()];
      const begun = belonging.begin(stop.signal);
      begun.catch(() => undefined);
      await clock.advance(500);
      await expect(begun).rejects.toThrow(MachineRefused);
      expect(registrations).toHaveLength(2);
    });

    it("that is told to end while it waits for its gateway registers no more", async () => {
      board.servingRequest.set(undefined);
      const begun = belonging.begin(stop.signal);
      await settle();
      stop.abort(new Error("SIGTERM"));
      await expect(begun).rejects.toThrow("SIGTERM");
      expect(registrations).toEqual([]);
      expect(log.events).toEqual([]);
    });
  });

  describe("that has to prove itself anew", () => {
    it("registers once for all who ask at a time, and again for who asks later", async () => {
      const asked = [belonging.prove(stop.signal, isGood), belonging.prove(stop.signal, isGood)];
      expect(await Promise.all(asked)).toEqual([true, true]);
      expect(registrations).toHaveLength(1);
      expect(machineId()).toBe("m1");
      await belonging.prove(stop.signal, isGood);
      expect(machineId()).toBe("m2");
    });

    it("tells all who ask that it failed, and stays who it was", async () => {
      await belonging.begin(stop.signal);
      failures = [away()];
      const asked = [belonging.prove(stop.signal, isGood), belonging.prove(stop.signal, isGood)];
      expect(await Promise.all(asked)).toEqual([false, false]);
      expect(machineId()).toBe("m1");
      expect(board.plane.get().lastFailure).toContain("restarting");
      expect(await belonging.prove(stop.signal, isGood)).toBe(true);
    });

    it("does not ask again before the time that the control plane asked for", async () => {
      failures = [new PlaneError("Register", "RESOURCE_EXHAUSTED", "too many at once", { retryAfterMs: 60_000 })];
      expect(await belonging.prove(stop.signal, isGood)).toBe(false);
      const tries = registrations.length;
      await clock.advance(59_999);
      expect(await belonging.prove(stop.signal, isGood)).toBe(false);
      expect(registrations).toHaveLength(tries);
      await clock.advance(1);
      expect(await belonging.prove(stop.signal, isGood)).toBe(true);
    });

    it("waits at its start as long as the control plane asks for, and its jitter on top", async () => {
      failures = [new PlaneError("Register", "RESOURCE_EXHAUSTED", "too many at once", { retryAfterMs: 60_000 })];
      const begun = belonging.begin(stop.signal);
      await settle();
      const tries = registrations.length;
      await clock.advance(60_499);
      expect(registrations).toHaveLength(tries);
      await clock.advance(1);
      await begun;
    });

    it("ends when it is refused for good, in the control plane's own words", async () => {
      failures = [refused()];
      const failure = await belonging.prove(stop.signal, isGood).catch((err: unknown) => err);
      expect(failure).toBeInstanceOf(MachineRefused);
      expect(String(failure)).toMatch(/^MachineRefused: The control plane answered Register .*: unknown machine$/);
    });

    it("never ends for a control plane that is away, however long", async () => {
      failures = Array.from({ length: 40 }, away);
      for (let call = 0; call < 40; call += 1) {
        expect(await belonging.prove(stop.signal, isGood)).toBe(false);
        await clock.advance(180_000);
      }
    });

    it("ends when it is refused for half an hour, and says that", async () => {
      failures = Array.from({ length: 11 }, suspect);
      for (let call = 0; call < 10; call += 1) {
        expect(await belonging.prove(stop.signal, isGood)).toBe(false);
        await clock.advance(180_000);
      }
      const failure = await belonging.prove(stop.signal, isGood).catch((err: unknown) => err);
      expect(failure).toBeInstanceOf(MachineRefused);
      expect(String(failure)).toMatch(/Refused for half an hour, and nothing else was heard: .*RBAC: access denied/);
    });

    it("is not called refused for half an hour when another answer came in between", async () => {
      failures = Array.from({ length: 10 }, suspect);
      for (let call = 0; call < 10; call += 1) {
        await belonging.prove(stop.signal, isGood);
        await clock.advance(180_000);
      }
      expect(await belonging.prove(stop.signal, isGood)).toBe(true);
      failures = [suspect()];
      expect(await belonging.prove(stop.signal, isGood)).toBe(false);
    });
  });
});
