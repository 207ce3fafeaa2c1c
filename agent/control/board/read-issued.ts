import { AgentError } from "../../core/errors.ts";
import { planeNowMs, TOLERATED_SKEW_MS } from "../../core/plane-time.ts";
import type { Clock } from "../../ports/clock.ts";
import type { CertificateReader } from "../../ports/keys.ts";
import type { Board } from "./board.ts";

/**
 * The dates of a chain that the control plane has just issued, by `name` where one is given. Where
 * its time is known, they are judged by it: what has ended already is not taken in the place of
 * what is held.
 * @throws {AgentError} "identity.certificate-unusable"
 */
export function readIssued(
  { certificates, clock }: { readonly certificates: CertificateReader; readonly clock: Clock },
  { plane }: Pick<Board, "plane">,
  chainPem: string,
  key: { readonly spkiSha256: string },
  name?: string,
): ReturnType<CertificateReader["read"]> {
  const dates = certificates.read(chainPem, key, name);
  const { time } = plane.get();
  if (time === undefined) return dates;
  const nowMs = planeNowMs(time, clock.now());
  if (dates.notAfterMs <= nowMs) throw unusable(`ended at ${iso(dates.notAfterMs)}`, nowMs);
  if (dates.notBeforeMs > nowMs + TOLERATED_SKEW_MS) throw unusable(`begins at ${iso(dates.notBeforeMs)}`, nowMs);
  return dates;
}

/** The contract's name of a machine in its certificate. */
export function machineName({ trustDomain }: { readonly trustDomain: string }, machineId: string): string {
  return `spiffe://${trustDomain}/machine/${machineId}`;
}

function unusable(because: string, nowMs: number): AgentError {
  const message = `The certificate chain ${because}, and the control plane's clock says ${iso(nowMs)}; it must issue another`;
  return new AgentError("identity.certificate-unusable", message, { retryable: true });
}

function iso(ms: number): string {
  return new Date(ms).toISOString();
}
