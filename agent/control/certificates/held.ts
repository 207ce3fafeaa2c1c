import { clockSkewMs, planeNowMs } from "../../core/plane-time.ts";
import { type HeldCertificate, received, renewAtMs } from "../../core/renewal.ts";
import type { Clock } from "../../ports/clock.ts";
import type { MachineIdentity } from "../../ports/keys.ts";
import type { CertificateCells } from "./parts.ts";

/** Both certificates: since when held, and when each is due, by the control plane's time. */
export class Held {
  readonly #clock: Clock;
  readonly #cells: Pick<CertificateCells, "identity" | "gateway" | "plane">;
  readonly #random: number;
  /** Whether what is held was received by the control plane's time. */
  #isPlaneTime = false;
  #machine: { readonly identity: MachineIdentity; readonly held: HeldCertificate } | undefined;
  #serving: { readonly runId: string; readonly held: HeldCertificate } | undefined;

  constructor(clock: Clock, cells: Pick<CertificateCells, "identity" | "gateway" | "plane">) {
    this.#clock = clock;
    this.#cells = cells;
    this.#random = clock.random();
  }

  planeNowMs(): number {
    return planeNowMs(this.#cells.plane.get().time, this.#clock.now());
  }

  /** Infinity: never. */
  machineDueMs(): number {
    return this.#machine === undefined ? Number.POSITIVE_INFINITY : renewAtMs(this.#machine.held, this.#random);
  }

  /** Of a gateway that is away nothing is due. */
  servingDueMs(): number {
    const gateway = this.#cells.gateway.get();
    const isServing = gateway.at === "here" && gateway.servingNotAfterMs !== undefined;
    return isServing && this.#serving !== undefined
      ? renewAtMs(this.#serving.held, this.#random)
      : Number.POSITIVE_INFINITY;
  }

  tookMachine(identity: MachineIdentity): void {
    this.#machine = { identity, held: received(this.#machine?.held, identity.notAfterMs, this.planeNowMs()) };
  }

  tookServing(runId: string, notAfterMs: number): void {
    this.#serving = { runId, held: received(this.#serving?.held, notAfterMs, this.planeNowMs()) };
  }

  /**
   * A certificate that we see for the first time counts from now: renewed early rather than late.
   * Of the gateway's we see only the end, so one with another end, or of another process, is
   * another. So does one that came later than now: the clock has been set.
   */
  note(): void {
    const nowMs = this.planeNowMs();
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
    const skewMs = clockSkewMs(time, this.#clock.now()) ?? 0;
    const moved = (held: HeldCertificate): HeldCertificate => ({ ...held, receivedAtMs: held.receivedAtMs - skewMs });
    if (this.#machine !== undefined) this.#machine = { ...this.#machine, held: moved(this.#machine.held) };
    if (this.#serving !== undefined) this.#serving = { ...this.#serving, held: moved(this.#serving.held) };
  }
}

function sameCertificate(a: MachineIdentity, b: MachineIdentity | undefined): boolean {
  return a.chainPem === b?.chainPem && a.key.spkiSha256 === b.key.spkiSha256;
}
