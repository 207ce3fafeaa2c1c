/** Protobuf's varint. `overlong`: bytes that it is longer than it need be. */
export function varint(value: number, overlong = 0): Buffer {
  const bytes = [];
  let rest = value;
  for (; rest >= 128; rest = Math.floor(rest / 128)) bytes.push((rest % 128) | 0x80);
  bytes.push(rest);
  for (let more = 0; more < overlong; more += 1) {
    bytes.push((bytes.pop() ?? 0) | 0x80);
    bytes.push(0);
  }
  return Buffer.from(bytes);
}

export function tag(field: number, wire: number, overlong = 0): Buffer {
  return varint(field * 8 + wire, overlong);
}

/** A field of a string, bytes or a message. */
export function bytesField(field: number, value: string | Buffer, overlong = 0): Buffer {
  const bytes = typeof value === "string" ? Buffer.from(value, "latin1") : value;
  return Buffer.concat([tag(field, 2, overlong), varint(bytes.length, overlong), bytes]);
}

/** gRPC's message on the wire. */
export function prefixed(message: Buffer, flag = 0, length = message.length): Buffer {
  const prefix = Buffer.alloc(5);
  prefix.writeUInt8(flag);
  prefix.writeUInt32BE(length, 1);
  return Buffer.concat([prefix, message]);
}
