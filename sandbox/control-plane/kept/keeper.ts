import { type AuthorityOptions, CertificateAuthority } from "../../pki/certificate-authority.ts";
import { FORGETFUL, type RecordJournal } from "./record-journal.ts";
import type { Snapshot } from "./snapshot.ts";

/** Where a control plane keeps what must outlive its process. */
export interface Keeper {
  /** What was kept last; undefined: nothing yet. */
  readonly recalled: Snapshot | undefined;
  readonly records: RecordJournal;
  /** Returns once it is kept for good. @throws {StateNotKept} what was kept before is still kept. */
  keep(snapshot: () => Snapshot): void;
  /** The authority of this name; made, and kept, if there is none yet. */
  authority(name: string, options: AuthorityOptions): Promise<CertificateAuthority>;
}

/** Keeps nothing: all ends with the process. */
export const IN_MEMORY: Keeper = {
  recalled: undefined,
  records: FORGETFUL,
  keep: () => undefined,
  authority: (_, options) => CertificateAuthority.create(options),
};
