import { bytesOf, type WrittenFrame } from "./client-session.ts";
import type { Dice } from "./dice.ts";

/** Bytes of a session with mistakes in its frames, in its bytes, or in both. */
export function mutated(dice: Dice, frames: readonly WrittenFrame[], others: readonly WrittenFrame[]): Buffer {
  let changed = [...frames];
  while (dice.chance(0.4)) changed = frameChanged(dice, changed, others);
  let bytes = bytesOf(changed);
  while (dice.chance(0.4)) bytes = byteChanged(dice, bytes);
  return bytes;
}

function frameChanged(dice: Dice, frames: readonly WrittenFrame[], others: readonly WrittenFrame[]): WrittenFrame[] {
  const at = dice.upTo(frames.length);
  const to = dice.upTo(frames.length + 1);
  const one = frames[at];
  if (one === undefined) return [...others];
  const replaced = (...by: WrittenFrame[]): WrittenFrame[] => [...frames.slice(0, at), ...by, ...frames.slice(at + 1)];
  switch (dice.upTo(9)) {
    case 0:
      return replaced();
    case 1:
      return [...frames.slice(0, to), one, ...frames.slice(to)];
    case 2:
      return [...frames.slice(0, at), ...frames.slice(at + 1, at + 2), one, ...frames.slice(at + 2)];
    case 3:
      return [...frames.slice(0, to), dice.pick(others), ...frames.slice(to)];
    case 4:
      return replaced({ ...one, flags: one.flags ^ (1 << dice.upTo(8)) });
    case 5:
      return replaced({ ...one, stream: dice.pick([one.stream + 2, one.stream - 2, one.stream + 1, 0, 1, 3]) });
    case 6:
      return replaced({ ...one, type: dice.upTo(12) });
    case 7:
      return replaced({
        ...one,
        lengthSaid: Math.max(0, one.payload.length + dice.pick([-9, -1, 1, 9, 16_384, 20_000])),
      });
    default:
      return replaced(...dice.pieces(one.payload, 3).map((payload) => ({ ...one, payload })));
  }
}

function byteChanged(dice: Dice, bytes: Buffer): Buffer {
  const at = dice.upTo(bytes.length);
  const count = 1 + dice.upTo(4);
  switch (dice.upTo(5)) {
    case 0: {
      const flipped = Buffer.from(bytes);
      flipped[at] = (flipped[at] ?? 0) ^ (1 << dice.upTo(8));
      return flipped;
    }
    case 1: {
      const written = Buffer.from(bytes);
      dice.bytes(count).copy(written, at);
      return written;
    }
    case 2:
      return Buffer.concat([bytes.subarray(0, at), dice.bytes(count), bytes.subarray(at)]);
    case 3:
      return Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + count)]);
    default:
      return bytes.subarray(0, at);
  }
}
