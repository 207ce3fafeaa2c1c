import { AgentError } from "../errors.ts";

/**
 * Why a volume is not opened. Each is told by one sentence, and whatever device it is about keeps
 * its bytes.
 */
export type RefusalCode =
  | "cache.device-unnamed"
  | "cache.device-name-wrong"
  | "cache.filesystem-unknown"
  | "cache.key-too-short"
  | "cache.key-too-long"
  | "cache.no-device-mapper"
  | "cache.no-device"
  | "cache.several-devices"
  | "cache.not-a-disk"
  | "cache.read-only"
  | "cache.too-small"
  | "cache.mounted"
  | "cache.swap"
  | "cache.held"
  | "cache.partition-table"
  | "cache.foreign-signature"
  | "cache.unrecognised-data"
  | "cache.luks-foreign"
  | "cache.label-unverified"
  | "cache.header-altered"
  | "cache.other-org"
  | "cache.other-project"
  | "cache.other-architecture"
  | "cache.other-volume-id"
  | "cache.other-kind"
  | "cache.wrong-key"
  | "cache.erased"
  | "cache.other-volume-open";

export interface Refusal {
  readonly code: RefusalCode;
  readonly message: string;
  /** Whether waiting may help: the device is not there yet, or somebody uses it for now. */
  readonly retryable: boolean;
}

/** What passes by itself, or by what somebody else is doing at the moment. */
const PASSING: ReadonlySet<RefusalCode> = new Set(["cache.no-device", "cache.mounted", "cache.held"]);

export function refusal(code: RefusalCode, message: string): Refusal {
  return { code, message, retryable: PASSING.has(code) };
}

export class VolumeRefused extends AgentError {
  constructor({ code, message, retryable }: Refusal) {
    super(code, message, { retryable });
  }
}
