import type { CertificateFacts, Refusal } from "../core/authorise.ts";
import type { Clock } from "../ports/clock.ts";
import type { Log, LogData, LogOf } from "../ports/log.ts";
import { LineRate } from "./line-rate.ts";

/** Why a connection was turned away: by the policy (core), or before it could be asked. */
export type Reason =
  | Refusal
  | "certificate-unreadable"
  | "not-serving-yet"
  | "too-many-connections"
  | "too-many-connections-of-source"
  | "too-many-sessions-of-build"
  | "displaced-by-newer"
  | "handshake-timeout"
  | "handshake-abandoned"
  | "handshake-failed"
  | "handshake-too-large"
  | "handshakes-too-costly"
  /** Connected, and sent nothing: a load balancer asks whether the port is open. */
  | "tcp-probe"
  | "no-common-alpn"
  | "not-tls";

/**
 * Lines in one second; what exceeds it is counted and told in one line. A stranger must not be able
 * to fill the disk.
 */
const LINES_A_SECOND = 100;

/** Names and values of a certificate that a stranger wrote: enough to recognise it. */
const LONGEST_NAME = 256;
const MOST_NAMES = 4;

/** Counts and logs everyone who is turned away. */
export class Refusals {
  readonly #log: LogOf<"session.refused">;
  readonly #counts = new Map<Reason, number>();
  readonly #lines: LineRate;

  constructor(clock: Clock, log: Log) {
    this.#log = log;
    this.#lines = new LineRate(clock, LINES_A_SECOND, (refusals) =>
      log.warn({ refusals }, "session.refusals-not-logged"),
    );
  }

  get counts(): Readonly<Record<string, number>> {
    return Object.fromEntries(this.#counts);
  }

  note(reason: Reason, peer: string, detail: string, certificate?: CertificateFacts): void {
    this.#counts.set(reason, (this.#counts.get(reason) ?? 0) + 1);
    if (this.#lines.take())
      this.#log[reason === "tcp-probe" ? "debug" : "warn"](
        {
          reason,
          peer,
          detail: detail.slice(0, LONGEST_NAME),
          ...(certificate === undefined ? {} : { certificate: shortened(certificate) }),
        },
        "session.refused",
      );
  }
}

function shortened(certificate: CertificateFacts): LogData {
  return {
    serial: certificate.serial,
    uriSans: certificate.uriSans.slice(0, MOST_NAMES).map((name) => name.slice(0, LONGEST_NAME)),
    uriSanCount: certificate.uriSans.length,
    isCa: certificate.isCa,
    extendedKeyUsage: certificate.extendedKeyUsage.slice(0, MOST_NAMES),
    notBefore: date(certificate.notBeforeMs),
    notAfter: date(certificate.notAfterMs),
    keySpkiSha256: certificate.spkiSha256,
  };
}

function date(ms: number): string {
  return Number.isFinite(ms) ? new Date(ms).toISOString() : "not a date";
}
