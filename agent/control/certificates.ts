import { fullJitterMs } from "../core/backoff.ts";
import { PlaneError } from "../core/plane-status.ts";
import { RENEWAL_RETRY, renewAtMs } from "../core/renewal.ts";
import { type CertificatesView, certifying, type GatewayView } from "../core/views.ts";
import { within } from "../lifecycle/branch.ts";
import type { Cell } from "../lifecycle/cell.ts";
import type { Clock } from "../ports/clock.ts";
import type { ControlPlane } from "../ports/control-plane.ts";
import type { Gateway } from "../ports/gateway.ts";
import type { CertificateReader, IdentityStore, KeyMaker, MachineIdentity, SigningRequest } from "../ports/keys.ts";
import type { Log } from "../ports/log.ts";
import type { Meters } from "../ports/meters.ts";

/** Between looks at the wall clock: a step of it, or a paused VM, must not make a renewal late by more than this. */
const LOOK_MS = 30_000;
/** A gateway that was asked for a fresh key answers within milliseconds. */
const FRESH_KEY_MS = 5_000;

export interface CertificatePorts {
  readonly plane: ControlPlane;
  readonly keys: KeyMaker;
  readonly certificates: CertificateReader;
  readonly identityStore: IdentityStore;
  readonly gateway: Gateway;
  readonly meters: Meters;
  readonly clock: Clock;
  readonly log: Log;
}

export interface CertificateCells {
  readonly identity: Cell<MachineIdentity>;
  readonly servingRequest: Cell<SigningRequest | undefined>;
  readonly gateway: Cell<GatewayView>;
  readonly certificates: Cell<CertificatesView>;
}

/**
 * Keeps both certificates young. At the due time both keys are made anew; when the gateway restarts and comes with a new key, only that one
 * is certified. A failed renewal keeps what is there and tries again.
 * @throws {PlaneError} when the control plane refuses this machine for good.
 */
export async function keepCertificates(
  ports: CertificatePorts,
  cells: CertificateCells,
  bootId: string,
  reRegister: (signal: AbortSignal) => Promise<void>,
  signal: AbortSignal,
): Promise<void> {
  const random = ports.clock.random();
  let failures = 0;
  while (!signal.aborted) {
    const due = dueNow(ports, cells, random);
    if (due === "nothing") {
      await nextLook(ports, cells, random, signal);
      continue;
    }
    try {
      if (due === "both") await freshServingKey(ports, cells, signal);
      await renew(ports, cells, bootId, due === "both", signal);
      failures = 0;
    } catch (err) {
      if (signal.aborted) return;
      if (err instanceof PlaneError && err.step === "end-agent") throw err;
      report(ports, cells, err);
      const expired = cells.identity.get().notAfterMs <= ports.clock.now().wallMs;
      if (expired || (err instanceof PlaneError && err.step === "new-evidence")) await reRegister(signal);
      else await ports.clock.sleep(fullJitterMs(RENEWAL_RETRY, failures, ports.clock.random()), signal);
      failures += 1;
    }
  }
}

function dueNow({ clock }: CertificatePorts, cells: CertificateCells, random: number): "both" | "serving" | "nothing" {
  const { notBeforeMs, notAfterMs } = cells.identity.get();
  if (clock.now().wallMs >= renewAtMs(notBeforeMs, notAfterMs, random)) return "both";
  return cells.gateway.get().uncertified === undefined ? "nothing" : "serving";
}

/** Waits until a renewal is due, the gateway needs one, or it is time to look at the clock again. */
async function nextLook(
  ports: CertificatePorts,
  cells: CertificateCells,
  random: number,
  signal: AbortSignal,
): Promise<void> {
  const { notBeforeMs, notAfterMs } = cells.identity.get();
  const untilDueMs = renewAtMs(notBeforeMs, notAfterMs, random) - ports.clock.now().wallMs;
  await within(ports.clock, Math.max(0, Math.min(untilDueMs, LOOK_MS)), signal, (look) =>
    cells.gateway.first((view) => view.uncertified !== undefined, look),
  );
}

async function freshServingKey(ports: CertificatePorts, cells: CertificateCells, signal: AbortSignal): Promise<void> {
  const before = cells.servingRequest.get()?.spkiSha256;
  ports.gateway.rotateKey();
  await within(ports.clock, FRESH_KEY_MS, signal, (enough) =>
    cells.servingRequest.first((request) => request !== undefined && request.spkiSha256 !== before, enough),
  );
}

async function renew(
  ports: CertificatePorts,
  cells: CertificateCells,
  bootId: string,
  machineToo: boolean,
  signal: AbortSignal,
): Promise<void> {
  const { plane, keys, certificates, identityStore, gateway, log } = ports;
  const identity = cells.identity.get();
  const servingRequest = cells.gateway.get().uncertified === undefined ? undefined : cells.servingRequest.get();
  const key = machineToo ? await keys.make() : undefined;
  const machineRequest = await key?.request(identity.machineId);
  const renewed = await plane.renew(
    identity,
    { ...(machineRequest && { machineRequest }), ...(servingRequest && { servingRequest }) },
    signal,
  );
  if (servingRequest !== undefined && renewed.servingChainPem !== undefined) {
    gateway.certify(servingRequest.spkiSha256, renewed.servingChainPem);
    cells.gateway.update((view) => certifying(view, servingRequest.spkiSha256));
  }
  if (key !== undefined && renewed.machineChainPem !== undefined) {
    const dates = certificates.read(renewed.machineChainPem, key);
    const next: MachineIdentity = { machineId: identity.machineId, key, chainPem: renewed.machineChainPem, ...dates };
    await identityStore.save(bootId, { identity: next, trust: renewed.trust });
    cells.identity.set(next);
  }
  cells.certificates.set({ machineNotAfterMs: cells.identity.get().notAfterMs, lastRenewalError: "" });
  log.info({ machine: machineToo, serving: servingRequest !== undefined }, "certificates.renewed");
}

function report({ meters, log }: CertificatePorts, cells: CertificateCells, err: unknown): void {
  meters.renewalFailed();
  log.warn({ err }, "certificates.renewal-failed");
  const lastRenewalError = err instanceof Error ? err.message : String(err);
  cells.certificates.update((view) => ({ ...view, lastRenewalError }));
}
