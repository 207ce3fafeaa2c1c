import type { DesiredState, TrustBundle } from "../core/desired-state.ts";
import type { MachineFacts, Versions } from "../core/machine.ts";
import type { ObservedState } from "../core/observed-state.ts";
import type { NumberedRecord } from "../core/record-ledger.ts";
import type { Evidence } from "./evidence.ts";
import type { MachineIdentity, SigningRequest } from "./keys.ts";

/**
 * The control plane, as the contract in `proto/` gives it. Every call ends by its `signal` or its
 * own deadline. Errors are `PlaneError`s (core/plane-status.ts) that tell whether to try again.
 */
export interface ControlPlane {
  getChallenge(signal: AbortSignal): Promise<Challenge & Timed>;
  register(request: Registration, signal: AbortSignal): Promise<Registered & Timed>;
  renew(identity: MachineIdentity, request: Renewal, signal: AbortSignal): Promise<Renewed & Timed>;
  /**
   * Opens the stream under the machine's certificate. It lives until the far end or `signal` ends
   * it.
   * @throws {PlaneError} from the iteration, when the stream ends with a status.
   */
  attach(identity: MachineIdentity, hello: Hello, signal: AbortSignal): PlaneStream;
}

export interface PlaneStream {
  /** Ends when the far end closes the stream in good order. */
  readonly incoming: AsyncIterable<Heard>;
  /** Waits while the transport is full, no longer than 30 s. */
  send(message: ToPlane): Promise<void>;
}

/** A message, and how long it took to read, in ms; absent: nothing to speak of. */
export type Heard = FromPlane & { readonly readMs?: number };

export type FromPlane =
  | { readonly is: "desired"; readonly state: DesiredState }
  /** A desired state that breaks the contract: refused whole. */
  | {
      readonly is: "malformed";
      readonly revision: bigint;
      readonly because: string;
    }
  | {
      readonly is: "records-ack";
      readonly bootId: string;
      readonly upToSequence: bigint;
    }
  /** Of a kind that this agent does not know, or empty. */
  | { readonly is: "other" };

export type ToPlane =
  | { readonly is: "observed"; readonly state: ObservedState }
  | {
      readonly is: "records";
      readonly bootId: string;
      readonly records: readonly NumberedRecord[];
    };

/** An answer, with the control plane's clock when it was given. */
export interface Timed {
  /** Unix time in ms; absent: it did not say. */
  readonly planeTimeMs?: number;
}

export interface Challenge {
  readonly nonce: Uint8Array;
  readonly expiresAtMs: number;
  readonly audience: string;
}

export interface Registration {
  readonly nonce: Uint8Array;
  readonly evidence: Evidence;
  readonly machineRequest: SigningRequest;
  /**
   * Absent while the gateway has not made one: its certificate is asked for later, by a renewal.
   */
  readonly servingRequest?: SigningRequest;
  readonly facts: MachineFacts;
  readonly versions: Versions;
}

export interface Registered {
  readonly machineId: string;
  readonly machineChainPem: string;
  /** Absent where none was asked for. */
  readonly servingChainPem?: string;
  readonly trust: TrustBundle;
}

/** Either request may be absent; its chain is then absent from the answer. */
export interface Renewal {
  readonly machineRequest?: SigningRequest;
  readonly servingRequest?: SigningRequest;
}

export interface Renewed {
  readonly machineChainPem?: string;
  readonly servingChainPem?: string;
  readonly trust: TrustBundle;
}

export interface Hello {
  readonly bootId: string;
  readonly runId: string;
  readonly capabilities: readonly string[];
  readonly lastAppliedRevision: bigint;
  readonly versions: Versions;
}
