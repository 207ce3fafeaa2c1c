import { AgentError } from "../../core/errors.ts";
import { FIRST_BACK_MS, FirstCertificates } from "../../core/renewal.ts";
import { certifying } from "../../core/views.ts";
import { within } from "../../lifecycle/branch.ts";
import type { Renewed } from "../../ports/control-plane.ts";
import type { MachineIdentity, PrivateKey, SigningRequest, StoredIdentity } from "../../ports/keys.ts";
import { machineName, readIssued } from "../board/read-issued.ts";
import { isWithoutCertificate, newest, uncertifiedKey } from "./gateway-key.ts";
import type { Held } from "./held.ts";
import { type CertificateCells, type CertificatePorts, type Due, renewed } from "./parts.ts";

/**
 * A gateway that was asked for a fresh key, or given a certificate, answers within milliseconds.
 */
const FRESH_KEY_MS = 5_000;

/** What the gateway is to serve with. */
interface Serving {
  readonly keySpkiSha256: string;
  readonly chainPem: string;
  readonly notAfterMs: number;
}

/** New keys, certified: the machine's, the gateway's, or both; taken whole, or not at all. */
export class Renewal {
  readonly #ports: CertificatePorts;
  readonly #cells: CertificateCells;
  readonly #bootId: string;
  readonly #held: Held;
  readonly #firsts = new FirstCertificates();

  constructor(ports: CertificatePorts, cells: CertificateCells, bootId: string, held: Held) {
    this.#ports = ports;
    this.#cells = cells;
    this.#bootId = bootId;
    this.#held = held;
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
    if (isFirst && !this.#firsts.take(clock.now().monoMs)) throw tooManyKeys(newest(gateway).runId);
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
    this.#held.tookMachine(identity);
    this.#cells.identity.set(identity);
    this.#cells.certificates.update((view) => ({ ...view, machineNotBeforeMs, machineNotAfterMs }));
  }

  async #takeServing({ keySpkiSha256, chainPem, notAfterMs }: Serving, signal: AbortSignal): Promise<void> {
    const { gateway, clock } = this.#ports;
    gateway.certify(keySpkiSha256, chainPem);
    this.#cells.gateway.update((view) => certifying(view, keySpkiSha256));
    this.#held.tookServing(newest(this.#cells.gateway.get()).runId, notAfterMs);
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
}

function tooManyKeys(runId: string): AgentError {
  const message =
    `Gateways came with another key each time, the last is run ${runId}: for no more than one each ` +
    `${FIRST_BACK_MS / 1_000} s is a certificate asked; see builder-agent logs --unit gateway`;
  return new AgentError("certificates.too-many-keys", message, { retryable: true });
}
