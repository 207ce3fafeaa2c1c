import type { Boot } from "../../core/machine.ts";
import { retryAfterMs } from "../../core/plane-status.ts";
import { planeNowMs } from "../../core/plane-time.ts";
import { certifying } from "../../core/views.ts";
import type { Gateway } from "../../ports/gateway.ts";
import type { MachineIdentity } from "../../ports/keys.ts";
import type { Board } from "../board/board.ts";
import type { Refusals } from "../board/refusals.ts";
import { ownKey } from "./own-key.ts";
import {
  type Membership,
  type RegistrationCells,
  type RegistrationPorts,
  recall,
  register,
  tryRegister,
} from "./registration.ts";

export type BelongingPorts = RegistrationPorts & { readonly gateway: Gateway };
export type BelongingCells = RegistrationCells & Pick<Board, "identity" | "certificates" | "gateway">;

/**
 * Who this machine is to its control plane: recalled or registered at the start, proved anew when
 * it has to be.
 */
export class Belonging {
  readonly #ports: BelongingPorts;
  readonly #cells: BelongingCells;
  readonly #boot: Boot;
  readonly #refusals: Refusals;
  #proving: Promise<boolean> | undefined;
  /** The control plane asked not to be asked before; CLOCK_MONOTONIC. */
  #notBeforeMonoMs = 0;

  constructor(ports: BelongingPorts, cells: BelongingCells, boot: Boot, refusals: Refusals) {
    this.#ports = { ...ports, keys: ownKey(ports, cells.identity, boot.bootId) };
    this.#cells = cells;
    this.#boot = boot;
    this.#refusals = refusals;
  }

  /**
   * Resolves once the machine has an identity. @throws {MachineRefused} when it is refused for
   * good.
   */
  async begin(signal: AbortSignal): Promise<void> {
    const recalled = await recall(this.#ports, this.#cells, this.#boot);
    const isGood = (): boolean => recalled !== undefined && this.#isGood(recalled.identity);
    if (isGood()) this.#ports.log.info({ machineId: recalled?.identity.machineId }, "identity.recalled");
    const known = (): Membership | undefined => (isGood() ? recalled : undefined);
    this.#enter(known() ?? (await register(this.#ports, this.#cells, this.#boot, this.#refusals, known, signal)));
  }

  /**
   * One registration more, and never two at a time: who asks while one is under way gets its
   * outcome. None before the time that the control plane's answer to the last one asked for, and
   * none where `unless` holds once the control plane has said what time it is.
   * @returns whether it worked. @throws {MachineRefused} when the machine is refused for good.
   */
  prove(signal: AbortSignal, unless: () => boolean): Promise<boolean> {
    if (this.#ports.clock.now().monoMs < this.#notBeforeMonoMs) return Promise.resolve(false);
    this.#proving ??= this.#prove(signal, unless).finally(() => (this.#proving = undefined));
    return this.#proving;
  }

  async #prove(signal: AbortSignal, unless: () => boolean): Promise<boolean> {
    const putOff = (failure: unknown): void => {
      this.#notBeforeMonoMs = this.#ports.clock.now().monoMs + retryAfterMs(failure);
    };
    const known = (): Membership | undefined => {
      const identity = this.#cells.identity.get();
      return identity !== undefined && unless() ? { identity } : undefined;
    };
    const member = await tryRegister(this.#ports, this.#cells, this.#boot, this.#refusals, known, putOff, signal);
    if (member !== undefined) this.#enter(member);
    return member !== undefined;
  }

  /** By the control plane's clock, or by ours as long as that is not known. */
  #isGood({ notAfterMs }: MachineIdentity): boolean {
    return notAfterMs > planeNowMs(this.#cells.plane.get().time, this.#ports.clock.now());
  }

  #enter({ identity, serving }: Membership): void {
    const { gateway } = this.#ports;
    const { notBeforeMs: machineNotBeforeMs, notAfterMs: machineNotAfterMs } = identity;
    this.#cells.identity.set(identity);
    this.#cells.certificates.update((view) => ({ ...view, machineNotBeforeMs, machineNotAfterMs }));
    if (serving === undefined) return;
    gateway.certify(serving.spkiSha256, serving.chainPem);
    this.#cells.gateway.update((view) => certifying(view, serving.spkiSha256));
  }
}
