import type { AllowSet } from "../core/allow-set.ts";
import type { Instant } from "../core/instant.ts";
import type { SessionOpening, SessionSummary } from "../core/session.ts";
import type { SigningRequest } from "./keys.ts";

/**
 * The gateway as `control` sees it: one process, and while it is replaced several. The adapter
 * keeps their unix sockets: it reconnects by itself, and tells of it as events. Orders are for all
 * of them. What is set while there is no connection is sent on the next one: the last value of each
 * kind, whole.
 */
export interface Gateway {
  /**
   * Everything it tells, from the moment of the call; ends with `signal`. One reader at a time: end
   * one before the next.
   */
  events(signal: AbortSignal): AsyncIterable<GatewayEvent>;
  /**
   * Takes force whole. `applied` follows when the gateway has it in force and has cut what lost its
   * standing.
   */
  allow(allowSet: AllowSet): void;
  /** The same view, confirmed anew. */
  confirm(at: Instant): void;
  /** The certificate for the key whose request came in `hello` or `request`. */
  certify(keySpkiSha256: string, chainPem: string): void;
  /**
   * Asks for a fresh key: a `request` event follows. The old certificate serves until the new one
   * comes.
   */
  rotateKey(): void;
  /**
   * Shuts the door and cuts every session: the drain's deadline. A `cut` event follows. The door
   * stays shut until the next `allow`.
   */
  cutAll(): void;
  /** These records are on disk: forget them. */
  acknowledge(sessionIds: readonly string[]): void;
  /**
   * Another one serves: this one shuts its door, finishes what is open through it, and ends. It
   * says so in a `hello`.
   */
  retire(runId: string): void;
}

/** `from`: which run tells, where there may be several. */
export type GatewayEvent = Told & { readonly from?: string };

type Told =
  | {
      readonly is: "hello";
      /** Random for each start of the gateway's process. */
      readonly runId: string;
      readonly request: SigningRequest;
      /** When it already serves: the certificate in use. */
      readonly servingNotAfterMs?: number;
      /** The orders that it has in force, from an earlier control; absent: it never had any. */
      readonly applied?: { readonly revision: bigint; readonly epoch: string };
      readonly open: readonly SessionOpening[];
      /** Closed, and not yet acknowledged. */
      readonly closed: readonly SessionSummary[];
      /** When its process started, on the machine's monotonic clock. Absent: long ago. */
      readonly startedMonoMs?: number;
      /** Its door is shut for good: it finishes what is open. */
      readonly retired?: true;
      /** Others may be there beside it: what is known of those stays. */
      readonly beside?: true;
    }
  /** Every place was looked at: these runs may live, and no other does. */
  | { readonly is: "present"; readonly runIds: readonly string[] }
  | { readonly is: "lost" }
  | { readonly is: "request"; readonly request: SigningRequest }
  | { readonly is: "certified"; readonly notAfterMs: number }
  | {
      readonly is: "applied";
      readonly revision: bigint;
      readonly epoch: string;
    }
  | { readonly is: "opened"; readonly opening: SessionOpening }
  | { readonly is: "closed"; readonly summary: SessionSummary }
  | { readonly is: "cut"; readonly sessions: number }
  | { readonly is: "stats"; readonly stats: GatewayStats };

/**
 * Within seconds after a change, at once after one of `listening`, and now and then anyway.
 * Counters count from the gateway's start.
 */
export interface GatewayStats {
  readonly listening: boolean;
  /** Address and port, once listening. */
  readonly address?: string;
  readonly accepted: number;
  readonly refused: Readonly<Record<string, number>>;
  /** Calls that a build might not make, by method; "unknown" for all that are no known method. */
  readonly refusedCalls: Readonly<Record<string, number>>;
  readonly pendingHandshakes: number;
  readonly openSessions: number;
  readonly bytesFromClients: number;
  readonly bytesToClients: number;
  readonly residentBytes: number;
  /** 99th percentile over the last interval. */
  readonly eventLoopDelayP99Ms: number;
  /**
   * Records of closed sessions that were dropped because control did not acknowledge them for too
   * long.
   */
  readonly recordsDropped: number;
  /** Connections from control that were dropped for what came over them. */
  readonly linkFaults: number;
  /** Of the gateway's log: nobody took them. */
  readonly logLinesDropped: number;
  /**
   * Sessions whose client's bytes were copied once more: this Node does not let the gateway read
   * them into buffers of its own.
   */
  readonly copiedSessions: number;
  /** Bytes of each open session so far: [session id, from client, to client]. */
  readonly progress: readonly (readonly [string, number, number])[];
}
