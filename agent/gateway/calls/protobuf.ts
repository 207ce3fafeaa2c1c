/**
 * A field of a message: a number or bytes. Of what BuildKit sends, which is trusted to be sound.
 */
export interface Field {
  readonly number: number;
  /** Empty where it is no string, no bytes and no message. */
  readonly bytes: Buffer;
}

/** The fields of one level. Ends at what is not understood. */
function* fieldsOf(message: Buffer): Generator<Field, void, undefined> {
  let at = 0;
  const number = (): number => {
    let value = 0;
    for (let factor = 1; at < message.length; factor *= 128) {
      const byte = message[at] ?? 0;
      at += 1;
      value += (byte & 0x7f) * factor;
      if ((byte & 0x80) === 0) return value;
    }
    return Number.NaN;
  };
  while (at < message.length) {
    const tag = number();
    const wire = tag % 8;
    const length = wire === 2 ? number() : FIXED_BYTES[wire];
    if (wire === 0) number();
    if (wire !== 0 && !(length !== undefined && at + length <= message.length)) return;
    const from = at;
    if (wire !== 0) at += length ?? 0;
    yield { number: Math.floor(tag / 8), bytes: wire === 2 ? message.subarray(from, at) : NONE };
  }
}

const NONE = Buffer.alloc(0);
const FIXED_BYTES: Readonly<Record<number, number>> = { 1: 8, 5: 4 };

/** The bytes of all fields with this number. */
export function all(message: Buffer, number: number): readonly Buffer[] {
  return [...fieldsOf(message)].filter((field) => field.number === number).map(({ bytes }) => bytes);
}
