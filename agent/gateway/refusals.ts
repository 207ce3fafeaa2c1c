import type { CertificateFacts } from "../core/authorise.ts";
import type { TurnedAway } from "../core/turned-away.ts";
import type { Clock } from "../ports/clock.ts";
import type { Log, LogData, LogOf } from "../ports/log.ts";
import { LineRate } from "./line-rate.ts";

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
  readonly #counts = new Map<TurnedAway, number>();
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

  note(reason: TurnedAway, peer: string, detail: string, certificate?: CertificateFacts): void {
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
