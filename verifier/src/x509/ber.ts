import { type AsnType, fromBER } from "asn1js";
import { type RefusalCode, Refused } from "../refusal.ts";

/** One element of BER, and nothing behind it. @throws {Refused} `code` */
export function wholeBer(bytes: Uint8Array, what: string, code: RefusalCode): AsnType {
  const text = textForm(bytes);
  if (text !== undefined) throw new Refused(code, `The ${what} is ${text}, where bytes belong.`);
  const { offset, result } = fromBER(bytes);
  if (offset === -1) throw new Refused(code, `The ${what} is no whole BER.`);
  if (offset !== bytes.length) throw new Refused(code, `The ${what} has bytes behind its end.`);
  return result;
}

/** What is sent by mistake. */
function textForm(bytes: Uint8Array): string | undefined {
  const text = Buffer.from(bytes).toString("latin1");
  if (text === "") return "empty";
  if (text.startsWith("-----BEGIN ")) return "PEM";
  if (/^[A-Za-z0-9+/\s]+={0,2}\s*$/.test(text)) return "base64";
  return /^[A-Za-z0-9_-]+$/.test(text) ? "base64url" : undefined;
}
