import { RECONNECT } from "../core/backoff.ts";
import type { TrustBundle } from "../core/desired-state.ts";
import type { Boot } from "../core/machine.ts";
import { PlaneError } from "../core/plane-status.ts";
import type { PlaneView } from "../core/views.ts";
import type { Cell } from "../lifecycle/cell.ts";
import { retry } from "../lifecycle/retry.ts";
import type { Clock } from "../ports/clock.ts";
import type { ControlPlane, Registered } from "../ports/control-plane.ts";
import type { EvidenceSource } from "../ports/evidence.ts";
import type { CertificateReader, IdentityStore, KeyMaker, MachineIdentity, SigningRequest } from "../ports/keys.ts";
import type { Log, LogData } from "../ports/log.ts";
import type { Machine } from "../ports/machine.ts";
import type { Meters } from "../ports/meters.ts";

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

export interface RegistrationCells {
  /** From the gateway, as soon as it is there. */
  readonly servingRequest: Cell<SigningRequest | undefined>;
  readonly plane: Cell<PlaneView>;
}

export interface Membership {
  readonly identity: MachineIdentity;
  readonly trust: TrustBundle;
  /** Present after a fresh registration. */
  readonly servingChainPem?: string;
  readonly servingSpkiSha256?: string;
}

/** The identity that an earlier start of this process left on tmpfs, if it is still of use. */
export async function recall(ports: RegistrationPorts, boot: Boot): Promise<Membership | undefined> {
  const stored = await ports.identityStore.load(boot.bootId);
  if (stored === undefined) return undefined;
  if (stored.identity.notAfterMs <= ports.clock.now().wallMs) return undefined;
  ports.log.info({ machineId: stored.identity.machineId }, "identity.recalled");
  return stored;
}

/**
 * Proves which machine this is and gets its certificates: challenge, evidence, request, register. Tries until it works.
 * @throws {PlaneError} when the control plane refuses this machine for good.
 */
export function register(
  ports: RegistrationPorts,
  cells: RegistrationCells,
  boot: Boot,
  signal: AbortSignal,
): Promise<Membership> {
  return retry((attempt) => registerOnce(ports, cells, boot, attempt), {
    backoff: RECONNECT,
    clock: ports.clock,
    signal,
    giveUp: (failure) => failure instanceof PlaneError && failure.step === "end-agent",
    onFailure: (err, retryInMs) => tellFailure(ports, cells, err, { retryInMs }),
  });
}

/**
 * One attempt, for a machine that may be known after all: undefined if it failed, which is told.
 * @throws {PlaneError} when the control plane refuses this machine for good.
 */
export async function tryRegister(
  ports: RegistrationPorts,
  cells: RegistrationCells,
  boot: Boot,
  signal: AbortSignal,
): Promise<Membership | undefined> {
  try {
    return await registerOnce(ports, cells, boot, signal);
  } catch (err) {
    if (err instanceof PlaneError && err.step === "end-agent") throw err;
    if (!signal.aborted) tellFailure(ports, cells, err, {});
    return undefined;
  }
}

function tellFailure(ports: RegistrationPorts, cells: RegistrationCells, err: unknown, data: LogData): void {
  if (err instanceof PlaneError) ports.meters.planeCallFailed("Register", err.status);
  ports.log.warn({ err, ...data }, "identity.registration-failed");
  const lastFailure = err instanceof Error ? err.message : String(err);
  cells.plane.update((view) => ({ ...view, lastFailure }));
}

async function registerOnce(
  ports: RegistrationPorts,
  cells: RegistrationCells,
  boot: Boot,
  signal: AbortSignal,
): Promise<Membership> {
  const { plane, keys, evidence, machine } = ports;
  const servingRequest = await cells.servingRequest.first((request) => request !== undefined, signal);
  if (servingRequest === undefined) throw signal.reason;
  const key = await keys.make();
  const challenge = await plane.getChallenge(signal);
  const [gathered, machineRequest, facts, versions] = await Promise.all([
    evidence.gather(challenge, key.spkiSha256, signal),
    key.request("builder-machine"),
    boot.facts.catch(() => machine.facts(signal)),
    boot.versions,
  ]);
  const registered = await plane.register(
    { nonce: challenge.nonce, evidence: gathered, machineRequest, servingRequest, facts, versions },
    signal,
  );
  const identity = toIdentity(ports, registered, key);
  await ports.identityStore.save(boot.bootId, { identity, trust: registered.trust });
  ports.log.info({ machineId: identity.machineId, notAfterMs: identity.notAfterMs }, "identity.registered");
  const { servingChainPem } = registered;
  return { identity, trust: registered.trust, servingChainPem, servingSpkiSha256: servingRequest.spkiSha256 };
}

function toIdentity(ports: RegistrationPorts, registered: Registered, key: MachineIdentity["key"]): MachineIdentity {
  const dates = ports.certificates.read(registered.machineChainPem, key);
  return { machineId: registered.machineId, key, chainPem: registered.machineChainPem, ...dates };
}
