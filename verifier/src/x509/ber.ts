import { type AsnType, fromBER } from "asn1js";
import { type RefusalCode, Refused } from "../refusal.ts";

/** One element of BER, and nothing behind it. @throws {Refused} `code` */
export function wholeBer(bytes: Uint8Array, what: string, code: RefusalCode): AsnType {
  const text = textForm(bytes);
  if (text !== undefined) throw new Refused(code, `The ${what} is ${text}, where bytes belong.`);
  const { offset, result, failure } = attempted(bytes);
  if (result === undefined || offset === -1) throw new Refused(code, `The ${what} is no whole BER.`, failure);
  if (offset !== bytes.length) throw new Refused(code, `The ${what} has bytes behind its end.`);
  return result;
}

/** asn1js says of most failures that it fails, and throws at some: at half a letter of UTF-16. */
function attempted(bytes: Uint8Array): { offset: number; result?: AsnType; failure?: unknown } {
  try {
    return fromBER(bytes);
  } catch (failure) {
    return { offset: -1, failure };
  }
}

/** What is sent by mistake. */
function textForm(bytes: Uint8Array): string | undefined {
  const text = Buffer.from(bytes).toString("latin1");
  if (text === "") return "empty";
  if (text.startsWith("-----BEGIN ")) return "PEM";
  // No more than one way through each of them: the time they take grows as the text does.
  if (/^[A-Za-z0-9+/=\s]+$/.test(text)) return "base64";
  return /^[A-Za-z0-9_-]+$/.test(text) ? "base64url" : undefined;
}
