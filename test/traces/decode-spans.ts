import { BinaryReader, WireType } from "@bufbuild/protobuf/wire";

/** A span as it was on the wire. */
export interface WireSpan {
  readonly traceId: string;
  readonly spanId: string;
  /** "": a root. */
  readonly parentId: string;
  readonly name: string;
  readonly kind: number;
  readonly beganAtMs: number;
  readonly endedAtMs: number;
  readonly attributes: Readonly<Record<string, unknown>>;
  readonly events: readonly { readonly name: string; readonly attributes: Readonly<Record<string, unknown>> }[];
  readonly links: readonly { readonly traceId: string; readonly spanId: string }[];
  /** 2: an error. */
  readonly status: { readonly code: number; readonly message: string };
  readonly resource: Readonly<Record<string, unknown>>;
  readonly scope: string;
}

/**
 * `ExportTraceServiceRequest` by its field numbers (opentelemetry-proto 1.x), without the library
 * that wrote it.
 */
export function decodeSpans(request: Uint8Array): readonly WireSpan[] {
  return messages(fields(request), 1).flatMap((resourceSpans) => {
    const resource = attributes(messages(resourceSpans, 1)[0], 1);
    return messages(resourceSpans, 2).flatMap((scopeSpans) => {
      const scope = text(messages(scopeSpans, 1)[0], 1);
      return messages(scopeSpans, 2).map((span): WireSpan => {
        const status = messages(span, 15)[0];
        return {
          traceId: hex(span, 1),
          spanId: hex(span, 2),
          parentId: hex(span, 4),
          name: text(span, 5),
          kind: number(span, 6),
          beganAtMs: Math.round(number(span, 7) / 1e6),
          endedAtMs: Math.round(number(span, 8) / 1e6),
          attributes: attributes(span, 9),
          events: messages(span, 11).map((event) => ({ name: text(event, 2), attributes: attributes(event, 3) })),
          links: messages(span, 13).map((link) => ({ traceId: hex(link, 1), spanId: hex(link, 2) })),
          status: { code: number(status, 3), message: text(status, 2) },
          resource,
          scope,
        };
      });
    });
  });
}

type Fields = ReadonlyMap<number, readonly (Uint8Array | number)[]>;

function fields(bytes: Uint8Array): Fields {
  const found = new Map<number, (Uint8Array | number)[]>();
  const reader = new BinaryReader(bytes);
  while (reader.pos < reader.len) {
    const [number, wire] = reader.tag();
    const values = found.get(number) ?? [];
    found.set(number, values);
    if (wire === WireType.LengthDelimited) values.push(reader.bytes());
    else if (wire === WireType.Varint) values.push(Number(reader.int64()));
    // `AnyValue.double_value`; the others of 64 bits are times.
    else if (wire === WireType.Bit64) values.push(number === 4 ? reader.double() : Number(reader.fixed64()));
    else if (wire === WireType.Bit32) values.push(reader.fixed32());
    else throw new Error(`Field ${number} has wire type ${wire}`);
  }
  return found;
}

function messages(of: Fields | undefined, field: number): readonly Fields[] {
  return (of?.get(field) ?? []).map((value) => fields(value as Uint8Array));
}

function text(of: Fields | undefined, field: number): string {
  return Buffer.from((of?.get(field)?.[0] as Uint8Array | undefined) ?? []).toString("utf8");
}

function hex(of: Fields, field: number): string {
  return Buffer.from((of.get(field)?.[0] as Uint8Array | undefined) ?? []).toString("hex");
}

function number(of: Fields | undefined, field: number): number {
  return Number(of?.get(field)?.[0] ?? 0);
}

function attributes(of: Fields | undefined, field: number): Readonly<Record<string, unknown>> {
  return Object.fromEntries(messages(of, field).map((pair) => [text(pair, 1), anyValue(messages(pair, 2)[0])]));
}

function anyValue(value: Fields | undefined): unknown {
  if (value?.has(1) === true) return text(value, 1);
  if (value?.has(2) === true) return number(value, 2) === 1;
  return value?.has(3) === true ? number(value, 3) : value?.get(4)?.[0];
}
