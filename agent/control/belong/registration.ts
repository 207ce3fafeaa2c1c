import { reconnectBackoff } from "../../core/backoff.ts";
import { inWords } from "../../core/errors.ts";
import { later } from "../../core/instant.ts";
import type { Boot } from "../../core/machine.ts";
import { PlaneError, retryAfterMs } from "../../core/plane-status.ts";
import { clockAsCause, timeOfIssue } from "../../core/plane-time.ts";
import { Branch, within } from "../../lifecycle/branch.ts";
import { retry } from "../../lifecycle/retry.ts";
import type { Clock } from "../../ports/clock.ts";
import type { ControlPlane, Registered } from "../../ports/control-plane.ts";
import type { EvidenceSource } from "../../ports/evidence.ts";
import type { CertificateReader, IdentityStore, KeyMaker, MachineIdentity, StoredIdentity } from "../../ports/keys.ts";
import type { Log } from "../../ports/log.ts";
import type { Machine } from "../../ports/machine.ts";
import type { Meters } from "../../ports/meters.ts";
import type { Board } from "../board/board.ts";
import { machineName, readIssued } from "../board/read-issued.ts";
import { MachineRefused, type Refusals } from "../board/refusals.ts";

/**
 * The gateway starts beside us and is there within a second; without it we register all the same,
 * and say so.
 */
const GATEWAY_MS = 3_000;

export interface RegistrationPorts {
  readonly plane: ControlPlane;
  readonly keys: KeyMaker;
  readonly evidence: EvidenceSource;
  readonly certificates: CertificateReader;
  readonly identityStore: IdentityStore;
  readonly machine: Machine;
  readonly meters: Meters;
  readonly clock: Clock;
  readonly log: Log;
}

/** `servingRequest` is the gateway's, as soon as it is there. */
export type RegistrationCells = Pick<Board, "servingRequest" | "plane" | "retryNow" | "tryFailed" | "renewedMonoMs">;

export interface Membership {
  readonly identity: MachineIdentity;
  /** Present after a fresh registration with a gateway that was there. */
  readonly serving?: { readonly spkiSha256: string; readonly chainPem: string };
}

/**
 * The identity that an earlier start of this process left on tmpfs. Its last renewal counts, too.
 */
export async function recall(
  ports: RegistrationPorts,
  cells: RegistrationCells,
  boot: Boot,
): Promise<StoredIdentity | undefined> {
  const stored = await ports.identityStore.load(boot.bootId);
  if (stored === undefined) return undefined;
  cells.renewedMonoMs.set(stored.renewedMonoMs);
  return stored;
}

/**
 * Who this machine is after all, asked once the control plane has said what time it is: by our own
 * clock a certificate may have expired that has not.
 */
export type KnownAfterAll = () => Membership | undefined;

/**
 * Proves which machine this is and gets its certificates: challenge, evidence, request, register.
 * Tries until it works, or `known` says who it is.
 * @throws {MachineRefused} when the control plane refuses this machine for good.
 */
export function register(
  ports: RegistrationPorts,
  cells: RegistrationCells,
  boot: Boot,
  refusals: Refusals,
  known: KnownAfterAll,
  signal: AbortSignal,
): Promise<Membership> {
  return retry((attempt) => registerJudged(ports, cells, boot, refusals, known, attempt), {
    // No build can be let in before: as urgent as a view that is too old.
    backoff: reconnectBackoff({ viewAgeMs: undefined, buildWaits: false }),
    clock: ports.clock,
    wake: cells.retryNow,
    signal,
    giveUp: (failure) => failure instanceof MachineRefused,
    atLeastMs: retryAfterMs,
    onFailure: (err, retryInMs) => noteFailure(ports, cells, err, retryInMs),
  });
}

/**
 * One attempt, for a machine that may be known after all: undefined if it failed, which is logged,
 * and told to `onFailure`.
 * @throws {MachineRefused} when the control plane refuses this machine for good.
 */
export async function tryRegister(
  ports: RegistrationPorts,
  cells: RegistrationCells,
  boot: Boot,
  refusals: Refusals,
  known: KnownAfterAll,
  onFailure: (failure: unknown) => void,
  signal: AbortSignal,
): Promise<Membership | undefined> {
  try {
    return await registerJudged(ports, cells, boot, refusals, known, signal);
  } catch (err) {
    if (err instanceof MachineRefused) throw err;
    if (!signal.aborted) noteFailure(ports, cells, err);
    onFailure(err);
    return undefined;
  }
}

async function registerJudged(
  ports: RegistrationPorts,
  cells: RegistrationCells,
  boot: Boot,
  refusals: Refusals,
  known: KnownAfterAll,
  signal: AbortSignal,
): Promise<Membership> {
  try {
    const member = await registerOnce(ports, cells, boot, known, signal);
    refusals.heard();
    return member;
  } catch (err) {
    if (!signal.aborted) refusals.judge(err);
    throw err;
  }
}

function noteFailure(ports: RegistrationPorts, cells: RegistrationCells, err: unknown, retryInMs?: number): void {
  if (err instanceof PlaneError) ports.meters.planeCallFailed("Register", err.status);
  const isEvidence = err instanceof PlaneError && err.step === "new-evidence";
  const cause = isEvidence ? clockAsCause(cells.plane.get().time, ports.clock.now()) : "";
  ports.log.warn(
    { err, ...(retryInMs !== undefined && { retryInMs }), ...(cause !== "" && { likely: cause }) },
    "identity.registration-failed",
  );
  const lastFailure = cause === "" ? inWords(err) : `${inWords(err)}; ${cause}`;
  const isSilent = err instanceof PlaneError && !err.answered;
  const nextTryAt = retryInMs === undefined ? undefined : later(ports.clock.now(), retryInMs);
  cells.plane.update((view) => ({ ...view, lastFailure, isSilent, ...(nextTryAt && { nextTryAt }) }));
  cells.tryFailed.note();
}

async function registerOnce(
  ports: RegistrationPorts,
  cells: RegistrationCells,
  boot: Boot,
  known: KnownAfterAll,
  signal: AbortSignal,
): Promise<Membership> {
  const { plane, keys, evidence, machine, clock, log } = ports;
  using attempt = new Branch(signal);
  // Waited for beside the rest: the gateway starts while the proof is gathered.
  const request = within(clock, GATEWAY_MS, attempt.signal, (limit) =>
    cells.servingRequest.first((one) => one !== undefined, limit),
  );
  const key = await keys.make();
  const challenge = await plane.getChallenge(signal);
  const member = known();
  if (member !== undefined) {
    const { machineId, notAfterMs } = member.identity;
    log.info({ machineId, notAfterMs }, "identity.still-good");
    return member;
  }
  const [servingRequest, gathered, machineRequest, facts, versions] = await Promise.all([
    request,
    evidence.gather(challenge, key, signal),
    key.request("builder-machine"),
    boot.facts.catch(() => machine.facts(signal)),
    boot.versions,
  ]);
  signal.throwIfAborted();
  if (servingRequest === undefined) log.warn({}, "identity.registering-without-gateway");
  const proof = { nonce: challenge.nonce, evidence: gathered, machineRequest, facts, versions };
  const registered = await plane.register({ ...proof, ...(servingRequest && { servingRequest }) }, signal);
  const identity = toIdentity(ports, cells, registered, key);
  const time = timeOfIssue(cells.plane.get().time, identity, ports.clock.now());
  if (time !== undefined) cells.plane.update((view) => ({ ...view, time }));
  const renewedMonoMs = cells.renewedMonoMs.get();
  await ports.identityStore.save(boot.bootId, {
    identity,
    trust: registered.trust,
    ...(renewedMonoMs !== undefined && { renewedMonoMs }),
  });
  log.info({ machineId: identity.machineId, notAfterMs: identity.notAfterMs }, "identity.registered");
  const { servingChainPem: chainPem } = registered;
  const isServed = servingRequest !== undefined && chainPem !== undefined;
  const serving = isServed && { serving: { spkiSha256: servingRequest.spkiSha256, chainPem } };
  return { identity, ...serving };
}

function toIdentity(
  ports: RegistrationPorts,
  cells: RegistrationCells,
  { machineId, machineChainPem: chainPem, trust }: Registered,
  key: MachineIdentity["key"],
): MachineIdentity {
  return { machineId, key, chainPem, ...readIssued(ports, cells, chainPem, key, machineName(trust, machineId)) };
}
