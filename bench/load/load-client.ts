import { z } from "zod";
import { Deadline } from "../../sandbox/deadline.ts";
import { BenchFailed } from "../failure.ts";
import { Child, type Command, run } from "../process/child.ts";
import type { Subject } from "../subjects/subject.ts";
import type { Credentials } from "./credentials.ts";

const Bulk = z.object({ bytes: z.number(), seconds: z.number() });
const RoundTrip = z.object({ p50Micros: z.number(), p99Micros: z.number() });
const Handshakes = z.object({ handshakes: z.number(), seconds: z.number() });
const Sessions = z.object({
  bytes: z.number(),
  seconds: z.number(),
  /** Jain's index: 1 if all sessions got the same. */
  fairness: z.number(),
  /** The slowest session's bytes, as a share of the median session's. */
  slowestShare: z.number(),
});

const Flood = z.object({
  strangers: z.number(),
  refused: z.number(),
  seconds: z.number(),
  visits: z.number(),
  failedVisits: z.number(),
  visitP50Micros: z.number(),
  visitP99Micros: z.number(),
  visitMaxMicros: z.number(),
  trips: z.number(),
  tripP99Micros: z.number(),
  tripMaxMicros: z.number(),
  /** Sessions that were open before it, and ended in it. */
  broken: z.number(),
});

export type Flood = z.infer<typeof Flood>;

const Idle = z.object({ open: z.number() });

export interface IdleSessions extends AsyncDisposable {
  readonly open: number;
}

/** Beyond the longest measurement by far. */
const DEADLINE_MS = 60_000;

/**
 * One load client for all subjects: a fresh process for each measurement, presenting the same
 * certificate.
 */
export class LoadClient {
  readonly #program: string;
  readonly #credentials: Credentials;

  constructor(program: string, credentials: Credentials) {
    this.#program = program;
    this.#credentials = credentials;
  }

  bulk(direction: "up" | "down", subject: Subject, bytes: number, signal: AbortSignal): Promise<z.infer<typeof Bulk>> {
    return this.#measure(`bulk-${direction}`, subject, { bytes }, Bulk, signal);
  }

  roundTrip(subject: Subject, trips: number, signal: AbortSignal): Promise<z.infer<typeof RoundTrip>> {
    return this.#measure("round-trip", subject, { trips }, RoundTrip, signal);
  }

  handshakes(subject: Subject, count: number, signal: AbortSignal): Promise<z.infer<typeof Handshakes>> {
    return this.#measure("handshakes", subject, { count }, Handshakes, signal);
  }

  sessions(
    subject: Subject,
    load: { readonly count: number; readonly seconds: number },
    signal: AbortSignal,
  ): Promise<z.infer<typeof Sessions>> {
    return this.#measure("sessions", subject, { count: load.count, duration: `${load.seconds}s` }, Sessions, signal);
  }

  /** Connections that mean no good, while good clients come and stay: client/flood.go. */
  flood(
    subject: Subject,
    load: { readonly rate: number; readonly count: number },
    signal: AbortSignal,
  ): Promise<Flood> {
    // On a machine that is too slow for the rate it takes longer.
    const deadlineMs = DEADLINE_MS + (load.count / load.rate) * 2_000;
    return this.#measure("flood", subject, load, Flood, signal, deadlineMs);
  }

  /** Holds `count` sessions that do nothing, until it is disposed of. */
  async idle(subject: Subject, count: number, signal: AbortSignal): Promise<IdleSessions> {
    const child = await Child.start(this.#command("idle", subject, { count }));
    using deadline = new Deadline(DEADLINE_MS, signal);
    try {
      const line = await child.firstLine(deadline.signal);
      const { open } = Idle.parse(JSON.parse(line));
      return { open, [Symbol.asyncDispose]: () => child[Symbol.asyncDispose]() };
    } catch (cause) {
      await child[Symbol.asyncDispose]();
      signal.throwIfAborted();
      throw new BenchFailed(`${subject.name} did not take ${count} sessions.`, { cause });
    }
  }

  async #measure<T>(
    name: string,
    subject: Subject,
    flags: Flags,
    result: z.ZodType<T>,
    signal: AbortSignal,
    deadlineMs = DEADLINE_MS,
  ): Promise<T> {
    using deadline = new Deadline(deadlineMs, signal);
    try {
      const { stdout } = await run(this.#command(name, subject, flags), deadline.signal);
      return result.parse(JSON.parse(stdout));
    } catch (cause) {
      signal.throwIfAborted();
      throw new BenchFailed(`${name} through ${subject.name} failed.`, { cause });
    }
  }

  #command(name: string, subject: Subject, flags: Flags): Command {
    const { serverName, servingCaFile, clientCertFile, clientKeyFile } = this.#credentials;
    const all = {
      address: subject.address,
      "server-name": serverName,
      ca: servingCaFile,
      cert: clientCertFile,
      key: clientKeyFile,
      ...flags,
    };
    return { command: this.#program, args: [name, ...Object.entries(all).map(([flag, value]) => `-${flag}=${value}`)] };
  }
}

type Flags = Readonly<Record<string, string | number>>;
