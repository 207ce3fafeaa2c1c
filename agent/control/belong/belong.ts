import type { Boot } from "../../core/machine.ts";
import { retryAfterMs } from "../../core/plane-status.ts";
import { certifying } from "../../core/views.ts";
import type { Gateway } from "../../ports/gateway.ts";
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
    this.#enter(recalled ?? (await register(this.#ports, this.#cells, this.#boot, this.#refusals, signal)));
  }

  /**
   * One registration more, and never two at a time: who asks while one is under way gets its
   * outcome. None before the time that the control plane's answer to the last one asked for.
   * @returns whether it worked. @throws {MachineRefused} when the machine is refused for good.
   */
  prove(signal: AbortSignal): Promise<boolean> {
    if (this.#ports.clock.now().monoMs < this.#notBeforeMonoMs) return Promise.resolve(false);
    this.#proving ??= this.#prove(signal).finally(() => (this.#proving = undefined));
    return this.#proving;
  }

  async #prove(signal: AbortSignal): Promise<boolean> {
    const putOff = (failure: unknown): void => {
      this.#notBeforeMonoMs = this.#ports.clock.now().monoMs + retryAfterMs(failure);
    };
    const member = await tryRegister(this.#ports, this.#cells, this.#boot, this.#refusals, putOff, signal);
    if (member !== undefined) this.#enter(member);
    return member !== undefined;
  }

  #enter({ identity, serving }: Membership): void {
    const { gateway } = this.#ports;
    this.#cells.identity.set(identity);
    this.#cells.certificates.update((view) => ({ ...view, machineNotAfterMs: identity.notAfterMs }));
    if (serving === undefined) return;
    gateway.certify(serving.spkiSha256, serving.chainPem);
    this.#cells.gateway.update((view) => certifying(view, serving.spkiSha256));
  }
}
