/** RFC 9113 section 3.4: what a client's side begins with. */
export const PREFACE = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "latin1");

export const FRAME_HEADER_BYTES = 9;

/** RFC 9113 section 6.5.2: more is sent to nobody who did not ask for it, and BuildKit does not. */
export const FRAME_MAX_BYTES = 16_384;

/** RFC 9113 section 6. */
export const TYPE = {
  data: 0,
  headers: 1,
  priority: 2,
  reset: 3,
  settings: 4,
  push: 5,
  ping: 6,
  goaway: 7,
  window: 8,
  continuation: 9,
} as const;

export const FLAG = { endStream: 0x1, acknowledges: 0x1, endHeaders: 0x4, padded: 0x8, priority: 0x20 } as const;

/** RFC 9113 section 7. */
export const CANCEL = 8;

export interface FrameHeader {
  readonly payloadBytes: number;
  readonly type: number;
  readonly flags: number;
  readonly stream: number;
}

/** @param at where nine bytes of it are. */
export function frameHeader(bytes: Buffer, at: number): FrameHeader {
  return {
    payloadBytes: bytes.readUIntBE(at, 3),
    type: bytes.readUInt8(at + 3),
    flags: bytes.readUInt8(at + 4),
    stream: streamOf(bytes, at),
  };
}

/** The highest bit says nothing, and is ignored (RFC 9113 section 4.1). */
export function streamOf(bytes: Buffer, at: number): number {
  return bytes.readUInt32BE(at + 5) & 0x7fffffff;
}

export function frame(type: number, flags: number, stream: number, payload: Buffer): Buffer {
  const whole = Buffer.allocUnsafe(FRAME_HEADER_BYTES + payload.length);
  whole.writeUIntBE(payload.length, 0, 3);
  whole.writeUInt8(type, 3);
  whole.writeUInt8(flags, 4);
  whole.writeUInt32BE(stream, 5);
  payload.copy(whole, FRAME_HEADER_BYTES);
  return whole;
}

export function reset(stream: number, code: number): Buffer {
  const payload = Buffer.allocUnsafe(4);
  payload.writeUInt32BE(code);
  return frame(TYPE.reset, 0, stream, payload);
}

/**
 * What of a frame's payload is not padding. Undefined where it is more padding than there is
 * payload.
 */
export function unpadded({ flags, type }: FrameHeader, payload: Buffer): Buffer | undefined {
  const hasPriority = type === TYPE.headers && (flags & FLAG.priority) !== 0;
  const isPadded = (flags & FLAG.padded) !== 0;
  const from = (isPadded ? 1 : 0) + (hasPriority ? 5 : 0);
  const end = payload.length - (isPadded ? (payload[0] ?? 0) : 0);
  return from <= end ? payload.subarray(from, end) : undefined;
}

/**
 * The end of a call that BuildKit never saw, as gRPC ends one without an answer (its HTTP/2
 * protocol, "Trailers-Only"): literal fields that are not indexed, so that the client's table of
 * header fields stays as BuildKit knows it.
 */
export function callRefused(stream: number, message: string, status: number = GRPC_STATUS.permissionDenied): Buffer {
  const block = Buffer.concat([
    // ":status: 200" and the name "content-type", of the static table.
    Buffer.from([0x88, 0x0f, 0x10]),
    literal("application/grpc"),
    Buffer.from([0x00]),
    literal("grpc-status"),
    literal(String(status)),
    Buffer.from([0x00]),
    literal("grpc-message"),
    literal(percentEncoded(message)),
  ]);
  return frame(TYPE.headers, FLAG.endHeaders | FLAG.endStream, stream, block);
}

/** gRPC's status codes, those that we answer with. */
export const GRPC_STATUS = {
  permissionDenied: 7,
  resourceExhausted: 8,
  failedPrecondition: 9,
  unavailable: 14,
} as const;

/**
 * A field that no request may have after others: with it at its end a header block is read by
 * BuildKit's end, whose table moves on, and the request refused before it becomes a call
 * (golang.org/x/net/http2, `errPseudoAfterRegular`).
 */
export const SPOILER = Buffer.concat([Buffer.from([0x00]), literal(":refused"), literal("")]);

/**
 * A header block in frames of its own, with one more field at `at`, in a form that leaves the
 * reader's table as it is.
 */
export function withField(
  { stream, flags }: FrameHeader,
  block: Buffer,
  at: number,
  [name, value]: readonly [name: string, value: string],
): Buffer {
  const field = [Buffer.from([0x00]), literal(name), literal(value)];
  const whole = Buffer.concat([block.subarray(0, at), ...field, block.subarray(at)]);
  const frames: Buffer[] = [];
  for (let from = 0; from < whole.length; from += FRAME_MAX_BYTES) {
    const isLast = from + FRAME_MAX_BYTES >= whole.length;
    const ends = (from === 0 ? flags & FLAG.endStream : 0) | (isLast ? FLAG.endHeaders : 0);
    const type = from === 0 ? TYPE.headers : TYPE.continuation;
    frames.push(frame(type, ends, stream, whole.subarray(from, from + FRAME_MAX_BYTES)));
  }
  return Buffer.concat(frames);
}

/** RFC 7541 section 5.2, not Huffman-coded. */
function literal(text: string): Buffer {
  const bytes = Buffer.from(text, "latin1");
  return Buffer.concat([lengthOf(bytes.length), bytes]);
}

function lengthOf(length: number): Buffer {
  if (length < 0x7f) return Buffer.from([length]);
  const coded = [0x7f];
  let rest = length - 0x7f;
  for (; rest >= 0x80; rest = Math.floor(rest / 128)) coded.push((rest % 128) | 0x80);
  return Buffer.from([...coded, rest]);
}

/** gRPC's form of a message: what is not printable ASCII as the bytes of its UTF-8. */
function percentEncoded(message: string): string {
  return [...Buffer.from(message, "utf8")]
    .map((byte) => (byte >= 0x20 && byte <= 0x7e && byte !== 0x25 ? String.fromCharCode(byte) : escaped(byte)))
    .join("");
}

function escaped(byte: number): string {
  return `%${byte.toString(16).toUpperCase().padStart(2, "0")}`;
}
