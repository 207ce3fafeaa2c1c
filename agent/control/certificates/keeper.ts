import { equalJitterMs } from "../../core/backoff.ts";
import { AgentError, inWords } from "../../core/errors.ts";
import { retryAfterMs } from "../../core/plane-status.ts";
import { clockSkewMs, planeNowMs } from "../../core/plane-time.ts";
import {
  type HeldCertificate,
  RENEWAL_GAP_MS,
  received,
  renewAtMs,
  renewalPauseMs,
  renewalRetry,
} from "../../core/renewal.ts";
import { type CertificatesView, certifying, type GatewayView, type NextGateway } from "../../core/views.ts";
import { firstOf, within } from "../../lifecycle/branch.ts";
import type { Clock } from "../../ports/clock.ts";
import type { ControlPlane, Renewed } from "../../ports/control-plane.ts";
import type { Gateway } from "../../ports/gateway.ts";
import type {
  CertificateReader,
  IdentityStore,
  KeyMaker,
  MachineIdentity,
  PrivateKey,
  SigningRequest,
  StoredIdentity,
} from "../../ports/keys.ts";
import type { Log } from "../../ports/log.ts";
import type { Meters } from "../../ports/meters.ts";
import type { Board } from "../board/board.ts";
import { machineName, readIssued } from "../board/read-issued.ts";

/**
 * Between looks at the clock: a step of it, or a paused VM, must not make a renewal late by more
 * than this.
 */
const LOOK_MS = 30_000;
/**
 * A gateway that was asked for a fresh key, or given a certificate, answers within milliseconds.
 */
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

export type CertificateCells = Pick<
  Board,
  "identity" | "servingRequest" | "gateway" | "certificates" | "renewedMonoMs" | "retryNow" | "plane"
>;

/** What the gateway is to serve with. */
interface Serving {
  readonly keySpkiSha256: string;
  readonly chainPem: string;
  readonly notAfterMs: number;
}

interface Due {
  readonly machine: boolean;
  /** A fresh key is to be made first. */
  readonly serving: boolean;
}

/** What both certificates are, when each is due, and how each is renewed. */
export class Keeper {
  readonly #ports: CertificatePorts;
  readonly #cells: CertificateCells;
  readonly #bootId: string;
  readonly #random: number;
  #provedMonoMs: number | undefined;
  /** Whether what is held was received by the control plane's time. */
  #isPlaneTime = false;
  #machine: { readonly identity: MachineIdentity; readonly held: HeldCertificate } | undefined;
  #serving: { readonly runId: string; readonly held: HeldCertificate } | undefined;

  constructor(ports: CertificatePorts, cells: CertificateCells, bootId: string) {
    this.#ports = ports;
    this.#cells = cells;
    this.#bootId = bootId;
    this.#random = ports.clock.random();
  }

  /** What is to be renewed now; undefined: nothing. */
  due(): Due | undefined {
    if (this.#cells.identity.get() === undefined) return undefined;
    const nowMs = this.#planeNowMs();
    this.#noteWhatIsHeld(nowMs);
    this.#showWhenDue();
    const mayRenew = this.#pauseMs(this.#ports.clock.now().monoMs) === 0;
    const machineDueMs = this.#machineDueMs();
    // What falls due before the next renewal may be is renewed with this one.
    if (mayRenew && Math.min(machineDueMs, this.#servingDueMs()) <= nowMs)
      return { machine: machineDueMs <= nowMs + RENEWAL_GAP_MS, serving: true };
    const gateway = this.#cells.gateway.get();
    const mayCertify = mayRenew || isWithoutCertificate(gateway);
    return mayCertify && uncertifiedKey(gateway) !== undefined ? { machine: false, serving: false } : undefined;
  }

  /**
   * Waits until a renewal is due, the gateway needs one or has another, or it is time to look at
   * the clock again.
   */
  async nextLook(signal: AbortSignal): Promise<void> {
    const { clock } = this.#ports;
    const byAgeMs = Math.min(this.#machineDueMs(), this.#servingDueMs()) - this.#planeNowMs();
    const untilMs = Math.max(byAgeMs, this.#pauseMs(clock.now().monoMs), 1);
    const [identity, gateway] = [this.#cells.identity.get(), this.#cells.gateway.get()];
    await within(clock, Math.min(untilMs, LOOK_MS), signal, async (look) => {
      await Promise.race([
        this.#cells.identity.first((now) => now !== identity, look),
        this.#cells.gateway.first((now) => now !== gateway, look),
      ]);
    });
  }

  /** After a failure. A gateway that starts meanwhile ends it: it cannot serve without us. */
  async pause(ms: number, signal: AbortSignal): Promise<void> {
    const { gateway, retryNow } = this.#cells;
    const before = newest(gateway.get()).runId;
    const isNew = (view: GatewayView): boolean =>
      view.at === "here" && newest(view).runId !== before && uncertifiedKey(view) !== undefined;
    await within(this.#ports.clock, ms, signal, (limit) =>
      firstOf(
        limit,
        (one) => retryNow.next(one),
        (one) => gateway.first(isNew, one),
      ),
    );
  }

  /**
   * Nothing can be renewed under a certificate that has expired: this machine proves itself anew.
   */
  expired(): AgentError {
    const message = "The machine's certificate has expired, as far as is known here; this machine registers anew";
    return new AgentError("certificates.expired", message, { retryable: true });
  }

  /** It may be that the clock has leapt: the control plane knows. */
  isExpired(): boolean {
    const identity = this.#cells.identity.get();
    return identity !== undefined && identity.notAfterMs <= this.#planeNowMs();
  }

  /**
   * This machine has an identity that is good, new or not: what failed before is over. Returns how
   * often in a row: the certificate that it brought may be as short as the one before, where its CA
   * ends.
   */
  proved(before: number): number {
    const { monoMs } = this.#ports.clock.now();
    const isInARow = this.#provedMonoMs !== undefined && monoMs - this.#provedMonoMs < RENEWAL_GAP_MS;
    this.#provedMonoMs = monoMs;
    this.#cells.certificates.update(renewed);
    return isInARow ? before + 1 : 0;
  }

  pauseAfterProofMs(inARow: number): number {
    return equalJitterMs(renewalRetry(0, false), inARow, this.#ports.clock.random());
  }

  /** How long to wait before the next try. */
  note(err: unknown, failures: number): number {
    const { meters, log, clock } = this.#ports;
    meters.renewalFailed();
    const isWaiting = isWithoutCertificate(this.#cells.gateway.get());
    const leftMs = (this.#cells.identity.get()?.notAfterMs ?? 0) - this.#planeNowMs();
    const backoff = renewalRetry(leftMs, isWaiting);
    const retryInMs = retryAfterMs(err) + equalJitterMs(backoff, failures, clock.random());
    log.warn({ err, retryInMs }, "certificates.renewal-failed");
    const { wallMs } = clock.now();
    this.#cells.certificates.update(({ failing, ...view }) => ({
      ...view,
      lastRenewalError: inWords(err),
      failing: { sinceMs: failing?.sinceMs ?? wallMs, nextTryMs: Math.round(wallMs + retryInMs) },
    }));
    return retryInMs;
  }

  async renew(due: Due, signal: AbortSignal): Promise<void> {
    const { plane, keys, log, clock } = this.#ports;
    if (due.serving) await this.#freshServingKey(due.machine, signal);
    const identity = this.#cells.identity.get();
    if (identity === undefined) return;
    const gateway = this.#cells.gateway.get();
    const servingRequest = uncertifiedKey(gateway) === undefined ? undefined : this.#cells.servingRequest.get();
    // A gateway that just started has to be certified at once, and is no renewal.
    const isFirst = !due.machine && isWithoutCertificate(gateway);
    const key = due.machine ? await keys.make() : undefined;
    const machineRequest = await key?.request(identity.machineId);
    const requests = { ...(machineRequest && { machineRequest }), ...(servingRequest && { servingRequest }) };
    const answer = await plane.renew(identity, requests, signal);
    // Both are read before one is taken: an answer is taken whole, or what is held is kept.
    const next = this.#machineFrom(answer, identity, key);
    const serving = this.#servingFrom(answer, servingRequest);
    if (!isFirst) this.#cells.renewedMonoMs.set(clock.now().monoMs);
    await this.#keep(next, answer.trust);
    if (next !== undefined) this.#takeMachine(next);
    if (serving !== undefined) await this.#takeServing(serving, signal);
    this.#cells.certificates.update(renewed);
    log.info({ machine: due.machine, serving: servingRequest !== undefined }, "certificates.renewed");
  }

  #planeNowMs(): number {
    return planeNowMs(this.#cells.plane.get().time, this.#ports.clock.now());
  }

  #pauseMs(nowMonoMs: number): number {
    return renewalPauseMs(this.#cells.renewedMonoMs.get(), nowMonoMs);
  }

  #machineFrom(
    { machineChainPem: chainPem, trust }: Renewed,
    { machineId }: MachineIdentity,
    key: PrivateKey | undefined,
  ): MachineIdentity | undefined {
    if (key === undefined || chainPem === undefined) return undefined;
    const dates = readIssued(this.#ports, this.#cells, chainPem, key, machineName(trust, machineId));
    return { machineId, key, chainPem, ...dates };
  }

  #servingFrom({ servingChainPem: chainPem }: Renewed, request: SigningRequest | undefined): Serving | undefined {
    if (request === undefined || chainPem === undefined) return undefined;
    const { notAfterMs } = readIssued(this.#ports, this.#cells, chainPem, request);
    return { keySpkiSha256: request.spkiSha256, chainPem, notAfterMs };
  }

  /**
   * With the time of the last renewal: a process that starts again and again in one boot renews no
   * more often.
   */
  async #keep(next: MachineIdentity | undefined, trust: StoredIdentity["trust"]): Promise<void> {
    const identity = next ?? this.#cells.identity.get();
    const renewedMonoMs = this.#cells.renewedMonoMs.get();
    if (identity === undefined) return;
    const renewed = renewedMonoMs !== undefined && { renewedMonoMs };
    await this.#ports.identityStore.save(this.#bootId, { identity, trust, ...renewed });
  }

  #takeMachine(identity: MachineIdentity): void {
    const { notBeforeMs: machineNotBeforeMs, notAfterMs: machineNotAfterMs } = identity;
    this.#machine = { identity, held: received(this.#machine?.held, machineNotAfterMs, this.#planeNowMs()) };
    this.#cells.identity.set(identity);
    this.#cells.certificates.update((view) => ({ ...view, machineNotBeforeMs, machineNotAfterMs }));
  }

  async #takeServing({ keySpkiSha256, chainPem, notAfterMs }: Serving, signal: AbortSignal): Promise<void> {
    const { gateway, clock } = this.#ports;
    gateway.certify(keySpkiSha256, chainPem);
    this.#cells.gateway.update((view) => certifying(view, keySpkiSha256));
    const { runId } = newest(this.#cells.gateway.get());
    this.#serving = { runId, held: received(this.#serving?.held, notAfterMs, this.#planeNowMs()) };
    await within(clock, FRESH_KEY_MS, signal, (enough) =>
      this.#cells.gateway.first((view) => view.at === "here" && newest(view).servingNotAfterMs === notAfterMs, enough),
    );
  }

  /**
   * The machine's renewal does not wait for a gateway that is away; the serving certificate's own
   * has nothing to certify then.
   */
  async #freshServingKey(mayBeAway: boolean, signal: AbortSignal): Promise<void> {
    const before = this.#cells.servingRequest.get()?.spkiSha256;
    this.#ports.gateway.rotateKey();
    const fresh = await within(this.#ports.clock, FRESH_KEY_MS, signal, (enough) =>
      this.#cells.servingRequest.first((request) => request !== undefined && request.spkiSha256 !== before, enough),
    );
    if (fresh === undefined && !mayBeAway) {
      const message = `The gateway made no fresh key within ${FRESH_KEY_MS / 1_000} s; its certificate is renewed when it does`;
      throw new AgentError("certificates.no-fresh-key", message, { retryable: true });
    }
  }

  /**
   * A certificate that we see for the first time counts from now: renewed early rather than late.
   * Of the gateway's we see only the end, so one with another end, or of another process, is
   * another. So does one that came later than now: the clock has been set.
   */
  #noteWhatIsHeld(nowMs: number): void {
    this.#toPlaneTime();
    if (this.#machine !== undefined && this.#machine.held.receivedAtMs > nowMs) this.#machine = undefined;
    if (this.#serving !== undefined && this.#serving.held.receivedAtMs > nowMs) this.#serving = undefined;
    const identity = this.#cells.identity.get();
    if (identity !== undefined && !sameCertificate(identity, this.#machine?.identity))
      this.#machine = { identity, held: received(undefined, identity.notAfterMs, nowMs) };
    const gateway = this.#cells.gateway.get();
    if (gateway.at === "away" || gateway.servingNotAfterMs === undefined) return;
    const { runId, servingNotAfterMs: notAfterMs } = gateway;
    const isKnown = this.#serving?.runId === runId && this.#serving.held.notAfterMs === notAfterMs;
    if (!isKnown) this.#serving = { runId, held: received(undefined, notAfterMs, nowMs) };
  }

  /** What was received before the control plane said its time was so by our clock. */
  #toPlaneTime(): void {
    const { time } = this.#cells.plane.get();
    if (time === undefined || this.#isPlaneTime) return;
    this.#isPlaneTime = true;
    const skewMs = clockSkewMs(time, this.#ports.clock.now()) ?? 0;
    const moved = (held: HeldCertificate): HeldCertificate => ({ ...held, receivedAtMs: held.receivedAtMs - skewMs });
    if (this.#machine !== undefined) this.#machine = { ...this.#machine, held: moved(this.#machine.held) };
    if (this.#serving !== undefined) this.#serving = { ...this.#serving, held: moved(this.#serving.held) };
  }

  #showWhenDue(): void {
    const [machine, serving] = [this.#machineDueMs(), this.#servingDueMs()].map((ms) =>
      Number.isFinite(ms) ? Math.round(ms) : undefined,
    );
    this.#cells.certificates.update(({ machineRenewAtMs: _m, servingRenewAtMs: _s, ...view }) => ({
      ...view,
      ...(machine !== undefined && { machineRenewAtMs: machine }),
      ...(serving !== undefined && { servingRenewAtMs: serving }),
    }));
  }

  #machineDueMs(): number {
    return this.#machine === undefined ? Number.POSITIVE_INFINITY : renewAtMs(this.#machine.held, this.#random);
  }

  /** Of a gateway that is away nothing is due. */
  #servingDueMs(): number {
    const gateway = this.#cells.gateway.get();
    const isServing = gateway.at === "here" && gateway.servingNotAfterMs !== undefined;
    return isServing && this.#serving !== undefined
      ? renewAtMs(this.#serving.held, this.#random)
      : Number.POSITIVE_INFINITY;
  }
}

/** What failed before is over. */
function renewed({ failing: _, ...view }: CertificatesView): CertificatesView {
  return { ...view, lastRenewalError: "" };
}

function uncertifiedKey(view: GatewayView): string | undefined {
  return view.at === "here" ? newest(view).uncertified : undefined;
}

/** It cannot serve until it gets one. */
function isWithoutCertificate(view: GatewayView): boolean {
  return view.at === "here" && newest(view).servingNotAfterMs === undefined;
}

/** Where one is about to take another's place, that one's key is to be certified. */
function newest<V extends GatewayView>(view: V): V | NextGateway {
  return view.at === "here" && view.next !== undefined ? view.next : view;
}

function sameCertificate(a: MachineIdentity, b: MachineIdentity | undefined): boolean {
  return a.chainPem === b?.chainPem && a.key.spkiSha256 === b.key.spkiSha256;
}
