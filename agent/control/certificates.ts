import { fullJitterMs } from "../core/backoff.ts";
import { AgentError } from "../core/errors.ts";
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
/** A gateway that was asked for a fresh key, or given a certificate, answers within milliseconds. */
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
  reRegister: (signal: AbortSignal) => Promise<boolean>,
  signal: AbortSignal,
): Promise<void> {
  const random = ports.clock.random();
  let serving: Span | undefined;
  let failures = 0;
  while (!signal.aborted) {
    const nowMs = ports.clock.now().wallMs;
    serving = servingSpan(cells.gateway.get(), serving, nowMs);
    const machineDueMs = dueAt(cells.identity.get(), random) - nowMs;
    const servingDueMs = serving === undefined ? Infinity : dueAt(serving, random) - nowMs;
    const due = { machine: machineDueMs <= 0, serving: machineDueMs <= 0 || servingDueMs <= 0 };
    if (!due.serving && cells.gateway.get().uncertified === undefined) {
      await nextLook(ports, cells, Math.min(machineDueMs, servingDueMs), serving, signal);
      continue;
    }
    try {
      if (due.serving) await freshServingKey(ports, cells, due.machine, signal);
      await renew(ports, cells, bootId, due.machine, signal);
      failures = 0;
    } catch (err) {
      if (signal.aborted) return;
      if (err instanceof PlaneError && err.step === "end-agent") throw err;
      report(ports, cells, err);
      const expired = cells.identity.get().notAfterMs <= ports.clock.now().wallMs;
      const unknown = err instanceof PlaneError && err.step === "new-evidence";
      if ((expired || unknown) && (await reRegister(signal))) continue;
      await ports.clock.sleep(fullJitterMs(RENEWAL_RETRY, failures, ports.clock.random()), signal);
      failures += 1;
    }
  }
}

interface Span {
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
}

/** The gateway tells only the end. A certificate that we see for the first time counts from now: renewed early rather than late. */
function servingSpan(view: GatewayView, known: Span | undefined, nowMs: number): Span | undefined {
  const notAfterMs = view.servingNotAfterMs;
  if (notAfterMs === undefined) return undefined;
  return notAfterMs === known?.notAfterMs ? known : { notBeforeMs: nowMs, notAfterMs };
}

function dueAt({ notBeforeMs, notAfterMs }: Span, random: number): number {
  return renewAtMs(notBeforeMs, notAfterMs, random);
}

/** Waits until a renewal is due, the gateway needs one or has another, or it is time to look at the clock again. */
async function nextLook(
  ports: CertificatePorts,
  cells: CertificateCells,
  untilDueMs: number,
  serving: Span | undefined,
  signal: AbortSignal,
): Promise<void> {
  await within(ports.clock, Math.max(0, Math.min(untilDueMs, LOOK_MS)), signal, (look) =>
    cells.gateway.first(
      ({ uncertified, servingNotAfterMs }) =>
        uncertified !== undefined || (servingNotAfterMs !== undefined && servingNotAfterMs !== serving?.notAfterMs),
      look,
    ),
  );
}

/** The machine's renewal does not wait for a gateway that is away; the serving certificate's own has nothing to certify then. */
async function freshServingKey(
  ports: CertificatePorts,
  cells: CertificateCells,
  mayBeAway: boolean,
  signal: AbortSignal,
): Promise<void> {
  const before = cells.servingRequest.get()?.spkiSha256;
  ports.gateway.rotateKey();
  const fresh = await within(ports.clock, FRESH_KEY_MS, signal, (enough) =>
    cells.servingRequest.first((request) => request !== undefined && request.spkiSha256 !== before, enough),
  );
  if (fresh === undefined && !mayBeAway) {
    const message = `The gateway made no fresh key within ${FRESH_KEY_MS / 1_000} s; its certificate is renewed when it does`;
    throw new AgentError("certificates.no-fresh-key", message, { retryable: true });
  }
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
  if (key !== undefined && renewed.machineChainPem !== undefined) {
    const dates = certificates.read(renewed.machineChainPem, key);
    const next: MachineIdentity = { machineId: identity.machineId, key, chainPem: renewed.machineChainPem, ...dates };
    await identityStore.save(bootId, { identity: next, trust: renewed.trust });
    cells.identity.set(next);
  }
  if (servingRequest !== undefined && renewed.servingChainPem !== undefined) {
    const { notAfterMs } = certificates.read(renewed.servingChainPem, servingRequest);
    gateway.certify(servingRequest.spkiSha256, renewed.servingChainPem);
    cells.gateway.update((view) => certifying(view, servingRequest.spkiSha256));
    await within(ports.clock, FRESH_KEY_MS, signal, (enough) =>
      cells.gateway.first((view) => view.servingNotAfterMs === notAfterMs, enough),
    );
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
