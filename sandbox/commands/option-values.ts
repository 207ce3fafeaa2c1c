import { isIP } from "node:net";
import { InvalidArgumentError } from "commander";

const LABEL = "[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?";
const DNS_NAME = new RegExp(`^(?=.{1,253}$)${LABEL}(?:\\.${LABEL})*$`);
/** The contract's form of an id. */
const ID = /^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/;

/** Of a customer, a project. @throws {InvalidArgumentError} */
export function contractId(text: string): string {
  if (ID.test(text)) return text;
  throw new InvalidArgumentError('Letters, digits, ".", "_" and "-" are wanted, at most 128.');
}

/** Names that go into a certificate, one more. @throws {InvalidArgumentError} */
export function certificateNames(text: string, before: readonly string[] = []): readonly string[] {
  if (isIP(text) !== 0 || isDnsName(text)) return [...before, text];
  throw new InvalidArgumentError("A DNS name or an IP address is wanted, such as plane.example.com.");
}

/** What tokens are for: compared as it is. @throws {InvalidArgumentError} */
export function audienceUrl(text: string): string {
  if (/^https:\/\/[^\s?#]{1,200}$/.test(text) && URL.canParse(text)) return text;
  throw new InvalidArgumentError("An https URL is wanted, such as https://plane.example.com/attest/plane.");
}

/** A collector's base. @throws {InvalidArgumentError} */
export function otlpUrl(text: string): string {
  if (/^https?:\/\/[^\s?#@/]+(\/[^\s?#]*)?$/.test(text) && URL.canParse(text)) return text;
  throw new InvalidArgumentError("An http or https URL is wanted, such as http://127.0.0.1:4318.");
}

/** "host" or "host:port" → "host:port". @throws {InvalidArgumentError} */
export function hostPort(text: string): string {
  const [, host = "", port = "8443"] = /^(\[[^\]]+\]|[^:]+)(?::(\d{1,5}))?$/.exec(text) ?? [];
  const isHost = host.startsWith("[") ? isIP(host.slice(1, -1)) === 6 : isIP(host) === 4 || isDnsName(host);
  if (isHost && Number(port) > 0 && Number(port) <= 65_535) return `${host}:${port}`;
  throw new InvalidArgumentError("An address is wanted, such as 203.0.113.7 or builder.example.com:8443.");
}

function isDnsName(text: string): boolean {
  return DNS_NAME.test(text) && !looksLikeIPv4(text);
}

/** No top-level domain is a number: such a name is a mistyped address. */
function looksLikeIPv4(text: string): boolean {
  return /(?:^|\.)\d+$/.test(text);
}
