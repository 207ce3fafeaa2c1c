import { MemorySpentTokens, type SpentTokens } from "../../../verifier/src/index.ts";
import { type AuthorityOptions, CertificateAuthority } from "../../pki/certificate-authority.ts";
import { FORGETFUL, type RecordJournal } from "./record-journal.ts";
import type { Snapshot } from "./snapshot.ts";

/** Where a control plane keeps what must outlive its process. */
export interface Keeper {
  /** What was kept last; undefined: nothing yet. */
  readonly recalled: Snapshot | undefined;
  readonly records: RecordJournal;
  /** Tokens that are good once, and were used. `now`: milliseconds since 1970. */
  openSpent(now: () => number): Promise<SpentTokens>;
  /** Returns once it is kept for good. @throws {Error} what was kept before is still kept. */
  keep(snapshot: () => Snapshot): void;
  /** @throws {SandboxFailure} when it must be there and is not: nothing it signed would be good. */
  recallAuthority(name: string): Promise<CertificateAuthority | undefined>;
  /** A new one, kept under this name. */
  makeAuthority(name: string, options: AuthorityOptions): Promise<CertificateAuthority>;
}

/** Keeps nothing: all ends with the process. */
export const IN_MEMORY: Keeper = {
  recalled: undefined,
  records: FORGETFUL,
  openSpent: async (now) => new MemorySpentTokens({ now }),
  keep: () => undefined,
  recallAuthority: async () => undefined,
  makeAuthority: (_, options) => CertificateAuthority.create(options),
};
