import { type EventEmitter, once } from "node:events";
import { rm } from "node:fs/promises";
import { isIP } from "node:net";
import { join, resolve } from "node:path";
import { claimDir } from "../../admin/claim.ts";
import { handlePlane, machineAddressOf } from "../../admin/plane/handle.ts";
import { PLANE, planeRequest } from "../../admin/plane/request.ts";
import { AdminServer } from "../../admin/server.ts";
import { PolicyInForce } from "../../attestation/policy-in-force.ts";
import { Lending } from "../../client/lending.ts";
import type { AuditEntry } from "../../control-plane/audit.ts";
import { CONTROL_PLANE_NAME } from "../../control-plane/authorities.ts";
import { EmbeddedControlPlane } from "../../control-plane/embedded-control-plane.ts";
import type { ExchangeServer } from "../../control-plane/exchange/http/exchange-server.ts";
import { serveExchange } from "../../control-plane/exchange/http/serve-exchange.ts";
import { keeperIn } from "../../control-plane/kept/on-disk.ts";
import { EXIT, type ExitCode } from "../../failure.ts";
import { type Address, cannotListen } from "../../stack/free-port.ts";
import { makeRuntimeDir } from "../../stack/runtime-dir.ts";
import type { Terminal } from "../../terminal/terminal.ts";
import { retakeOn } from "./attestation.ts";
import { auditInWords } from "./audit.ts";
import { tellPlane } from "./tell.ts";

export interface RunOptions {
  readonly listen: Address;
  readonly dir: string;
  /** DNS names and IP addresses by which agents call it. */
  readonly name?: readonly string[];
  /** The policy that says whose word on machines is taken; absent: join tokens alone. */
  readonly attestation?: string;
  /** Default: made of the first name. */
  readonly audience?: string;
  /** Where CI jobs come in; absent: nowhere. */
  readonly exchange?: Address;
}

const DAY_MS = 24 * 60 * 60_000;
const AUTHORITY_LIFETIME_MS = 3_650 * DAY_MS;
/**
 * Longer than a production control plane's: a machine whose certificate ends while this one is off
 * needs a new join token.
 */
const CERTIFICATE_LIFETIME_MS = 30 * DAY_MS;
/** What agents may take to hang up at the end. */
const GOODBYE_MS = 1_000;

/**
 * Runs a control plane alone until the signal. Its state stays in `dir`.
 * @param hangUps "hang-up": the attestation policy is read again.
 */
export async function runPlane(
  options: RunOptions,
  terminal: Terminal,
  signal: AbortSignal,
  hangUps: EventEmitter,
): Promise<ExitCode> {
  const dir = resolve(options.dir);
  await using runtime = await makeRuntimeDir();
  await using admin = await AdminServer.listen(join(runtime.path, "admin.sock"), planeRequest);
  await using claim = await claimDir(dir, { adminSocket: admin.path, runtimeDir: runtime.path }, PLANE);
  const readyFile = join(claim.path, "ready.json");
  // Of one that was killed.
  await rm(readyFile, { force: true });
  const { attestation: file } = options;
  const attestation = file === undefined ? undefined : await PolicyInForce.open(resolve(file));
  if (attestation !== undefined) retakeOn(hangUps, attestation, terminal);
  const tellEntry = (entry: AuditEntry): void => terminal.out(auditInWords(entry, terminal.paint));
  await using plane = await listen({ ...options, ...(attestation && { policy: attestation }) }, dir, tellEntry);
  await using exchange = options.exchange && (await serveJobs(plane, options.exchange));
  await using lending = new Lending({ plane, dir, runtimeDir: runtime.path });
  admin.answerWith(handlePlane(plane, dir, lending));
  await tellPlane({ dir, readyFile, plane, options, attestation, terminal, exchangePort: exchange?.port });
  if (!signal.aborted) await once(signal, "abort");
  terminal.out("Stopping …");
  await rm(readyFile, { force: true });
  await plane.hangUp(GOODBYE_MS);
  terminal.out(`Stopped. The state stays in ${dir}: the same command goes on from it.`);
  return EXIT.ok;
}

function serveJobs(plane: EmbeddedControlPlane, address: Address): Promise<ExchangeServer> {
  return serveExchange(plane, address, (build, machineAddress) => {
    const at = machineAddress ?? machineAddressOf(plane, build);
    return at === undefined ? undefined : `tcp://${at}`;
  });
}

/** @throws {SandboxFailure} when the address cannot be listened on, or what is kept is damaged. */
async function listen(
  {
    listen: address,
    name = [],
    policy,
    audience = `https://${urlHost(name[0] ?? CONTROL_PLANE_NAME)}/attest/plane`,
  }: RunOptions & { readonly policy?: PolicyInForce },
  dir: string,
  onAudit: (entry: AuditEntry) => void,
): Promise<EmbeddedControlPlane> {
  const keeper = keeperIn(dir);
  try {
    return await EmbeddedControlPlane.listen(
      {
        ...address,
        names: name,
        audience,
        ...(policy !== undefined && { attestation: policy }),
        onAudit,
        authorityLifetimeMs: AUTHORITY_LIFETIME_MS,
        machineCertificateLifetimeMs: CERTIFICATE_LIFETIME_MS,
        servingCertificateLifetimeMs: CERTIFICATE_LIFETIME_MS,
      },
      keeper,
    );
  } catch (cause) {
    const isListening = cause instanceof Error && "syscall" in cause && cause.syscall === "listen";
    throw isListening ? cannotListen(address, cause) : cause;
  }
}

function urlHost(name: string): string {
  return isIP(name) === 6 ? `[${name}]` : name;
}
