import type { MachineIdentity } from "./keys.ts";

/** Makes bundles of what this process may see of its machine. */
export interface BundleMaker {
  /**
   * One that is made as it is read; `signal` ends its making. Its bytes end with what it was
   * aborted with, or with a defect; what could not be collected is no failure.
   */
  make(requestId: string, signal: AbortSignal): Promise<Bundle>;
}

export interface Bundle {
  /** "BUG-…": in the bundle, and for the log. */
  readonly marker: string;
  /** tar.gz. To be read once. */
  readonly bytes: AsyncIterable<Uint8Array>;
  /** Of what has been read: hex, and how many. */
  digest(): { readonly sha256: string; readonly sizeBytes: number };
  /** How many things are not in it; complete with the last byte. */
  lacks(): number;
}

/** Where the control plane takes bundles. */
export interface DiagnosticsPlane {
  /**
   * Sends `bytes`, which end the call if they fail. Resolves to the SHA-256, in hex, of what the
   * control plane stored.
   * @throws {PlaneError} what the control plane answered, or "DEADLINE_EXCEEDED" after 2 min.
   */
  uploadDiagnostics(
    identity: MachineIdentity,
    upload: { readonly requestId: string; readonly bytes: AsyncIterable<Uint8Array> },
    signal: AbortSignal,
  ): Promise<string>;
}

/** Which requests have been answered in this boot, also by an earlier process. */
export interface AnsweredRequests {
  has(requestId: string): boolean;
  /** Never throws. */
  note(requestId: string): Promise<void>;
}
