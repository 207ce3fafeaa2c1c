/** One end of a call: by which key, and from where. */
export interface Party {
  /** SHA-256 over the key's SubjectPublicKeyInfo, lower-case hex. */
  readonly keySha256: string;
  /** Without the port; absent: not heard from since the start of the control plane. */
  readonly address?: string;
}

export interface Holder extends Party {
  readonly machineId: string;
  readonly generation: number;
}

/** What whoever is responsible for a fleet wants to know of. */
export type Audited =
  /** `reason` is never told to the machine, and holds no token, no nonce and no key. */
  | { readonly event: "evidence-refused"; readonly kind: string; readonly address: string; readonly reason: string }
  /** A clone, or a machine that lost its key: `claimant` was refused, `holder` lives. */
  | {
      readonly event: "instance-already-registered";
      readonly instance: string;
      readonly holder: Holder;
      readonly claimant: Party;
    }
  /** After the end of its lease: the certificates of `before` are good for nothing any more. */
  | {
      readonly event: "generation-began";
      readonly instance: string;
      readonly holder: Holder;
      readonly before: Holder;
    }
  | { readonly event: "machine-forgotten"; readonly machineId: string; readonly instance?: string };

export type AuditEntry = Audited & {
  /** The first and the last time. */
  readonly at: Date;
  readonly lastAt: Date;
  readonly times: number;
};

/** Of each event: a flood of one does not wash the others away. */
const MOST_OF_EACH = 100;

/** The newest of what was audited, in memory. The same again is counted, and is no new entry. */
export class Audit {
  readonly #entries = new Map<Audited["event"], Map<string, AuditEntry>>();
  readonly #now: () => number;
  readonly #onEntry: (entry: AuditEntry) => void;

  /** `onEntry` is told each new entry, once. */
  constructor(now: () => number, onEntry: (entry: AuditEntry) => void) {
    this.#now = now;
    this.#onEntry = onEntry;
  }

  note(audited: Audited): void {
    const of = this.#entries.get(audited.event) ?? new Map<string, AuditEntry>();
    this.#entries.set(audited.event, of);
    const key = JSON.stringify(audited);
    const lastAt = new Date(this.#now());
    const before = of.get(key);
    const entry = { ...audited, at: before?.at ?? lastAt, lastAt, times: (before?.times ?? 0) + 1 };
    of.delete(key);
    of.set(key, entry);
    for (const oldest of [...of.keys()].slice(0, -MOST_OF_EACH)) of.delete(oldest);
    if (before === undefined) this.#onEntry(entry);
  }

  /** In the order of their last time. */
  entries(): readonly AuditEntry[] {
    return [...this.#entries.values()]
      .flatMap((of) => [...of.values()])
      .toSorted((one, other) => one.lastAt.getTime() - other.lastAt.getTime());
  }
}
