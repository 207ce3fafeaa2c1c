import { equalJitterMs } from "../../core/backoff.ts";
import { AgentError, inWords } from "../../core/errors.ts";
import { retryAfterMs } from "../../core/plane-status.ts";
import { RENEWAL_GAP_MS, renewalPauseMs, renewalRetry } from "../../core/renewal.ts";
import type { GatewayView } from "../../core/views.ts";
import { firstOf, within } from "../../lifecycle/branch.ts";
import { isWithoutCertificate, newest, uncertifiedKey } from "./gateway-key.ts";
import { Held } from "./held.ts";
import { type CertificateCells, type CertificatePorts, type Due, renewed } from "./parts.ts";
import { Renewal } from "./renewal.ts";

/**
 * Between looks at the clock: a step of it, or a paused VM, must not make a renewal late by more
 * than this.
 */
const LOOK_MS = 30_000;

/** When each of both certificates is to be renewed, and how soon again after a failure. */
export class Keeper {
  readonly #ports: CertificatePorts;
  readonly #cells: CertificateCells;
  readonly #held: Held;
  readonly #renewal: Renewal;
  #provedMonoMs: number | undefined;

  constructor(ports: CertificatePorts, cells: CertificateCells, bootId: string) {
    this.#ports = ports;
    this.#cells = cells;
    this.#held = new Held(ports.clock, cells);
    this.#renewal = new Renewal(ports, cells, bootId, this.#held);
  }

  /** What is to be renewed now; undefined: nothing. */
  due(): Due | undefined {
    if (this.#cells.identity.get() === undefined) return undefined;
    this.#held.note();
    this.#showWhenDue();
    const nowMs = this.#held.planeNowMs();
    const mayRenew = this.#pauseMs(this.#ports.clock.now().monoMs) === 0;
    const machineDueMs = this.#held.machineDueMs();
    // What falls due before the next renewal may be is renewed with this one.
    if (mayRenew && Math.min(machineDueMs, this.#held.servingDueMs()) <= nowMs)
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
    const byAgeMs = Math.min(this.#held.machineDueMs(), this.#held.servingDueMs()) - this.#held.planeNowMs();
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
    return identity !== undefined && identity.notAfterMs <= this.#held.planeNowMs();
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
    const leftMs = (this.#cells.identity.get()?.notAfterMs ?? 0) - this.#held.planeNowMs();
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

  renew(due: Due, signal: AbortSignal): Promise<void> {
    return this.#renewal.renew(due, signal);
  }

  #pauseMs(nowMonoMs: number): number {
    return renewalPauseMs(this.#cells.renewedMonoMs.get(), nowMonoMs);
  }

  #showWhenDue(): void {
    const [machine, serving] = [this.#held.machineDueMs(), this.#held.servingDueMs()].map((ms) =>
      Number.isFinite(ms) ? Math.round(ms) : undefined,
    );
    this.#cells.certificates.update(({ machineRenewAtMs: _m, servingRenewAtMs: _s, ...view }) => ({
      ...view,
      ...(machine !== undefined && { machineRenewAtMs: machine }),
      ...(serving !== undefined && { servingRenewAtMs: serving }),
    }));
  }
}
