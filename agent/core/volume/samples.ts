import { HEADER_BYTES } from "./sizes.ts";

const MIB = 1024 * 1024;
const SPREAD = 64;

export interface SamplePlace {
  readonly offset: number;
  readonly length: number;
}

/**
 * Where to look whether a device without any signature holds data: its first and last 16 MiB, and
 * 64 single MiB in between at equal distances. The first place is exactly what luksFormat would
 * overwrite. No two places overlap, and all lie on the device.
 */
export function samplePlaces(deviceBytes: number): readonly SamplePlace[] {
  const first = { offset: 0, length: Math.min(HEADER_BYTES, deviceBytes) };
  const rest = deviceBytes - first.length;
  const last = { offset: deviceBytes - Math.min(HEADER_BYTES, rest), length: Math.min(HEADER_BYTES, rest) };
  const between = rest - last.length;
  const count = Math.min(SPREAD, Math.floor(between / MIB));
  const middle = Array.from({ length: count }, (_, index) => ({
    offset: first.length + Math.floor((between - MIB) * (count === 1 ? 0.5 : index / (count - 1))),
    length: MIB,
  }));
  return [first, ...middle, last].filter(({ length }) => length > 0);
}

/** What was found in those places. */
export type Content =
  /**
   * Nothing but zeros, or nothing but ones: what a device gives that was never written, or
   * discarded.
   */
  | { readonly is: "blank" }
  /**
   * `at` is the first byte that tells; `headerOnly`: nothing was found behind what luksFormat
   * overwrites.
   */
  | { readonly is: "data"; readonly at: number; readonly headerOnly: boolean }
  /** Not looked at: there was a signature, or no access. */
  | { readonly is: "unread" };
