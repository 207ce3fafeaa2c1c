import { type Asn1Element, asn1Element } from "../../core/asn1-element.ts";

/** What of a certificate says how it may be used, and what Node's X509Certificate does not tell. */
export interface CertificateForm {
  /** OID, of the signature. */
  readonly signature: string;
  readonly extensions: readonly Extension[];
}

interface Extension {
  readonly oid: string;
  readonly critical: boolean;
  readonly value: Uint8Array;
}

const BOOLEAN = 0x01;
const OBJECT_IDENTIFIER = 0x06;
const EXTENSIONS = 0xa3;

/**
 * Reads DER that OpenSSL has parsed already (RFC 5280, section 4.1): it is well formed, and what
 * is not here is not there. @throws {RangeError} where it is not.
 */
export function certificateForm(der: Uint8Array): CertificateForm {
  const [body, algorithm] = elements(only(der).content);
  const [signature] = elements(required(algorithm).content);
  const wrapped = elements(required(body).content).find(({ tag }) => tag === EXTENSIONS);
  const listed = wrapped === undefined ? [] : elements(only(wrapped.content).content);
  return { signature: oid(required(signature)), extensions: listed.map(({ content }) => extension(elements(content))) };
}

function extension(parts: readonly Asn1Element[]): Extension {
  const [id, second] = parts;
  // DER leaves out a default: where it stands, it is true.
  const critical = required(second).tag === BOOLEAN && second?.content[0] !== 0;
  return { oid: oid(required(id)), critical, value: required(parts.at(-1)).content };
}

function only(der: Uint8Array): Asn1Element {
  return required(elements(der)[0]);
}

function required(element: Asn1Element | undefined): Asn1Element {
  if (element === undefined) throw new RangeError("an element is missing");
  return element;
}

function elements(der: Uint8Array): readonly Asn1Element[] {
  const found: Asn1Element[] = [];
  for (let at = 0; at < der.length; ) {
    const element = asn1Element(der, at);
    if (element === undefined) throw new RangeError(`the element at byte ${at} is cut short`);
    found.push(element);
    at = element.end;
  }
  return found;
}

/** X.690, section 8.19: seven bits a byte; the first number holds two. */
function oid({ tag, content }: Asn1Element): string {
  if (tag !== OBJECT_IDENTIFIER) throw new RangeError("no object identifier");
  const numbers: number[] = [];
  let number = 0;
  for (const byte of content) {
    number = number * 128 + (byte & 0x7f);
    if ((byte & 0x80) !== 0) continue;
    numbers.push(number);
    number = 0;
  }
  const [both = 0, ...rest] = numbers;
  const first = Math.min(2, Math.floor(both / 40));
  return [first, both - first * 40, ...rest].join(".");
}
