import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { Refusals } from "../../agent/control/board/refusals.ts";
import { keepCertificates } from "../../agent/control/certificates/certificates.ts";
import { PlaneError } from "../../agent/core/plane-status.ts";
import { Secret } from "../../agent/core/secret.ts";
import { type CertificatesView, NO_GATEWAY, NO_PLANE, type PlaneView } from "../../agent/core/views.ts";
import { Cell } from "../../agent/lifecycle/cell.ts";
import { Pulse } from "../../agent/lifecycle/pulse.ts";
import type { ControlPlane, Renewal } from "../../agent/ports/control-plane.ts";
import type { MachineIdentity, PrivateKey, SigningRequest, StoredIdentity } from "../../agent/ports/keys.ts";
import { ManualClock, settle } from "./manual-clock.ts";
import { GatewayStandIn, here, listening, NO_METERS, NO_REPORT, notebook } from "./stand-ins.ts";

const HOUR_MS = 3_600_000;
const request = (spkiSha256: string): SigningRequest => ({ der: new Uint8Array(), spkiSha256 });

describe("certificates", () => {
  let clock: ManualClock;
  let gateway: GatewayStandIn;
  let stop: AbortController;
  let renewals: Renewal[];
  let fails: Error | undefined;
  let registered: number;
  let keeping: Promise<void>;
  let saved: StoredIdentity[];
  let cells: ReturnType<typeof newCells>;

  function key(name: string): PrivateKey {
    return { spkiDer: new Uint8Array(), spkiSha256: name, request: async () => request(name), pem: new Secret("-") };
  }

  function identity(name: string): MachineIdentity {
    const { wallMs } = clock.now();
    return { machineId: "m1", key: key(name), chainPem: "-", notBeforeMs: wallMs, notAfterMs: wallMs + HOUR_MS };
  }

  function newCells() {
    return {
      identity: new Cell<MachineIdentity | undefined>(identity("k0")),
      servingRequest: new Cell<SigningRequest | undefined>(request("g0")),
      gateway: listening({ servingNotAfterMs: clock.now().wallMs + HOUR_MS }),
      certificates: new Cell<CertificatesView>({ lastRenewalError: "" }),
      renewedMonoMs: new Cell<number | undefined>(undefined),
      plane: new Cell<PlaneView>(NO_PLANE),
      retryNow: new Pulse(),
    };
  }

  beforeEach(() => {
    clock = new ManualClock();
    gateway = new GatewayStandIn();
    stop = new AbortController();
    renewals = [];
    fails = undefined;
    registered = 0;
    saved = [];
    cells = newCells();
    const plane = {
      renew: async (_identity: MachineIdentity, renewal: Renewal) => {
        renewals.push(renewal);
        if (fails !== undefined) throw fails;
        return {
          ...(renewal.machineRequest && { machineChainPem: "machine-chain" }),
          ...(renewal.servingRequest && { servingChainPem: "serving-chain" }),
          trust: { trustDomain: "d", buildCas: ["-"] },
        };
      },
    } as unknown as ControlPlane; // only renew() is asked here
    const rotate = gateway.rotateKey.bind(gateway);
    let rotated = 0;
    gateway.rotateKey = () => {
      rotate();
      rotated += 1;
      cells.servingRequest.set(request(`g${rotated}`));
      cells.gateway.update((view) => here(view, { uncertified: `g${rotated}` }));
    };
    const certify = gateway.certify.bind(gateway);
    gateway.certify = (keySpkiSha256, chainPem) => {
      certify(keySpkiSha256, chainPem);
      cells.gateway.update((view) => here(view, { servingNotAfterMs: clock.now().wallMs + HOUR_MS }));
    };
    let made = 0;
    keeping = keepCertificates(
      {
        plane,
        gateway,
        keys: { make: async () => key(`k${++made}`) },
        certificates: {
          read: () => ({ notBeforeMs: clock.now().wallMs, notAfterMs: clock.now().wallMs + HOUR_MS }),
        },
        identityStore: {
          load: async () => undefined,
          save: async (_, kept) => void saved.push(kept),
          forget: async () => {},
        },
        meters: NO_METERS,
        clock,
        log: notebook(),
      },
      cells,
      "boot",
      new Refusals(clock),
      async () => {
        registered += 1;
        if (registered === 1) return false;
        fails = undefined;
        cells.identity.set(identity("fresh"));
        return true;
      },
      NO_REPORT,
      stop.signal,
    );
    keeping.catch(() => undefined);
  });

  afterEach(async () => {
    stop.abort();
    await keeping.catch(() => undefined);
  });

  it("are told with when each is due, and a row of failures with its beginning and its next try", async () => {
    const began = clock.now().wallMs;
    expect(cells.certificates.get()).toMatchObject({
      machineRenewAtMs: began + (2 / 3) * HOUR_MS,
      servingRenewAtMs: began + (2 / 3) * HOUR_MS,
    });
    fails = new PlaneError("RenewCertificates", "UNAVAILABLE", "restarting");
    await clock.advance(45 * 60_000);
    const { failing } = cells.certificates.get();
    expect(failing?.sinceMs).toBe(began + (2 / 3) * HOUR_MS);
    expect(failing?.nextTryMs).toBeGreaterThanOrEqual(clock.now().wallMs);
    fails = undefined;
    await clock.advance(5 * 60_000);
    expect(cells.certificates.get()).not.toHaveProperty("failing");
    expect(cells.certificates.get().machineRenewAtMs).toBeGreaterThan(clock.now().wallMs);
  });

  it("are both renewed at two thirds of the lifetime, with fresh keys, and not before", async () => {
    await clock.advance(HOUR_MS * 0.66);
    expect(renewals).toEqual([]);
    await clock.advance(HOUR_MS * 0.01);
    expect(renewals).toEqual([{ machineRequest: request("k1"), servingRequest: request("g1") }]);
    expect(cells.identity.get()?.key.spkiSha256).toBe("k1");
    expect(gateway.told).toEqual(["rotate key", "certify g1 serving-chain"]);
    await clock.advance(HOUR_MS * 0.68);
    expect(renewals).toHaveLength(2);
  });

  it("a gateway that restarted gets one for its new key at once, and the machine's stays", async () => {
    cells.servingRequest.set(request("g9"));
    cells.gateway.update((view) => here(view, { uncertified: "g9" }));
    await settle();
    expect(renewals).toEqual([{ servingRequest: request("g9") }]);
    expect(gateway.told).toEqual(["certify g9 serving-chain"]);
    expect(cells.identity.get()?.key.spkiSha256).toBe("k0");
  });

  it("the gateway's, when it is the shorter one, is renewed at its own two thirds, and the machine's stays", async () => {
    cells.gateway.update((view) => here(view, { servingNotAfterMs: clock.now().wallMs + HOUR_MS / 10 }));
    await clock.advance(HOUR_MS * 0.066);
    expect(renewals).toEqual([]);
    await clock.advance(HOUR_MS * 0.001);
    expect(renewals).toEqual([{ servingRequest: request("g1") }]);
    expect(cells.identity.get()?.key.spkiSha256).toBe("k0");
  });

  it("that fall due before the next renewal may be are renewed together", async () => {
    const servingNotAfterMs = clock.now().wallMs + HOUR_MS * 0.85;
    cells.gateway.update((view) => here(view, { servingNotAfterMs }));
    await clock.advance(HOUR_MS * 0.6);
    expect(renewals).toEqual([{ machineRequest: request("k1"), servingRequest: request("g1") }]);
  });

  it("are renewed no sooner although this process started meanwhile: the last renewal is kept with the identity", async () => {
    await clock.advance(HOUR_MS * 0.67);
    const { renewedMonoMs } = saved.at(-1)!;
    expect(renewedMonoMs).toBe(cells.renewedMonoMs.get());
    cells.renewedMonoMs.set(clock.now().monoMs);
    cells.gateway.update((view) => here(view, { servingNotAfterMs: clock.now().wallMs - 1 }));
    await clock.advance(9 * 60_000);
    expect(renewals).toHaveLength(1);
    await clock.advance(60_000);
    expect(renewals).toHaveLength(2);
  });

  it("of a gateway that is away are not asked for; the machine's own is", async () => {
    gateway.rotateKey = () => {};
    cells.gateway.set({ ...NO_GATEWAY, runId: "g1" });
    await clock.advance(HOUR_MS * 0.68);
    expect(renewals).toEqual([{ machineRequest: request("k1") }]);
  });

  it("are not asked for before this machine has an identity, however old the gateway's is", async () => {
    cells.identity.set(undefined);
    cells.gateway.update((view) => here(view, { servingNotAfterMs: clock.now().wallMs - 1, uncertified: "g0" }));
    await clock.advance(60_000);
    expect({ renewals, told: gateway.told }).toEqual({ renewals: [], told: [] });
  });

  it("of a gateway that makes no fresh key are asked for with patience", async () => {
    gateway.rotateKey = () => {};
    cells.gateway.update((view) => here(view, { servingNotAfterMs: clock.now().wallMs + HOUR_MS / 10 }));
    await clock.advance(HOUR_MS * 0.09);
    expect(renewals).toEqual([]);
    expect(cells.certificates.get().lastRenewalError).toContain("no fresh key");
  });

  it("of a gateway that serves are renewed ten minutes apart, also for a key that it made when nobody asked", async () => {
    for (let key = 1; key <= 39; key += 1) {
      cells.servingRequest.set(request(`own${key}`));
      cells.gateway.update((view) => here(view, { uncertified: `own${key}` }));
      await clock.advance(30_000);
    }
    expect(renewals).toHaveLength(2);
    cells.servingRequest.set(request("started"));
    cells.gateway.set(here(NO_GATEWAY, { runId: "g2", uncertified: "started" }));
    await settle();
    expect(renewals.at(-1)).toEqual({ servingRequest: request("started") });
  });

  it("a failed renewal keeps the old ones, says why, and is tried again", async () => {
    fails = new PlaneError("RenewCertificates", "UNAVAILABLE", "maintenance");
    await clock.advance(HOUR_MS * 0.68);
    expect(cells.identity.get()?.key.spkiSha256).toBe("k0");
    expect(cells.certificates.get().lastRenewalError).toContain("maintenance");
    const tries = renewals.length;
    fails = undefined;
    await clock.advance(60_000);
    expect(renewals.length).toBe(tries + 1);
    expect(cells.identity.get()?.key.spkiSha256).not.toBe("k0");
    expect(cells.certificates.get().lastRenewalError).toBe("");
  });

  it("a renewal that the control plane asks to put off comes no sooner", async () => {
    await clock.advance(HOUR_MS * 0.6);
    const options = { retryAfterMs: 120_000 };
    fails = new PlaneError("RenewCertificates", "RESOURCE_EXHAUSTED", "too many at once", options);
    const before = renewals.length;
    while (renewals.length === before) await clock.advance(1_000);
    await clock.advance(118_000);
    expect(renewals.length).toBe(before + 1);
    await clock.advance(5_000);
    expect(renewals.length).toBe(before + 2);
  });

  it("that expired, because the machine slept, lead to a fresh registration", async () => {
    fails = new PlaneError("RenewCertificates", "UNAUTHENTICATED", "certificate expired");
    await clock.advance(2 * HOUR_MS);
    expect(registered).toBe(2);
    expect(cells.identity.get()?.key.spkiSha256).not.toBe("k0");
  });

  it("of a machine that is refused end the agent", async () => {
    const refusal = { code: "machine-refused" };
    fails = new PlaneError("RenewCertificates", "PERMISSION_DENIED", "this machine is banned", { refusal });
    await clock.advance(HOUR_MS * 0.68);
    await expect(keeping).rejects.toThrow("banned");
  });
});
