/** Who speaks for an instance, and until when. */
export interface Lease {
  /** Of the contract's form: [a-z0-9-]{1,63}. */
  readonly machineId: string;
  /** Counts the machines that this instance has been, from 1. */
  readonly generation: number;
  /** SHA-256, lower-case hex, of the key that was certified last. */
  readonly keySha256: string;
  /**
   * Of the key that asked for the last one to be certified: where the answer was lost, the machine
   * still has this one.
   */
  readonly previousKeySha256?: string;
  /** Milliseconds since 1970. */
  readonly expiresAtMs: number;
}

/** Holds one lease an instance. `replace` compares and sets in one step, whoever else asks. */
export interface LeaseStore {
  read(instance: string): Promise<Lease | undefined>;
  /** False, and nothing changed, where `expected` is not what is there. */
  replace(instance: string, expected: Lease | undefined, next: Lease): Promise<boolean>;
}

/** Whether two are one state of the lease. */
export function isSameLease(one: Lease | undefined, other: Lease | undefined): boolean {
  return (
    one?.machineId === other?.machineId &&
    one?.generation === other?.generation &&
    one?.keySha256 === other?.keySha256 &&
    one?.previousKeySha256 === other?.previousKeySha256 &&
    one?.expiresAtMs === other?.expiresAtMs
  );
}
