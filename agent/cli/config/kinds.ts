import { parseNat64Prefix } from "../../core/network/nat64.ts";
import { isOtlpEndpoint } from "../../core/traces/target.ts";
import { type HostPort, isHostName, parseHostPort } from "./host-port.ts";
import { type Form, Kind, type Reading } from "./kind.ts";

/**
 * The kinds of value that a key may have. What is told of every refusal is what was
 * expected, so that it completes the sentence "found …, expected …".
 */
export function wholeNumber(least: number, most: number) {
  return integer(least, most, `a whole number from ${least} to ${most}`);
}

/** Milliseconds; where they come as a text with a unit, it has been read by now. */
export function milliseconds(least: number, most: number) {
  const expected = `a whole number of ms from ${least} to ${most}, or a time with its unit, for instance "90s" or "10m"`;
  return integer(least, most, expected);
}

/** Where to listen: port 0 asks the kernel for a free one. */
export function listenAddress() {
  return hostPort(0, '"host:port", for instance "127.0.0.1:8443" or "[::1]:8443"');
}

/** Where to connect. */
export function endpoint() {
  return hostPort(1, '"host:port" without a scheme, for instance "control.example.com:443" or "[2001:db8::1]:443"');
}

export function absolutePath() {
  const plain = "a path without empty, “.” or “..” parts and without control characters";
  return text(ABSOLUTE, (path) => path.startsWith("/"), { pattern: "^\\/" }).that(isPlainPath, () => plain);
}

/** An executable: an absolute path, or a name that is looked up in PATH. */
export function program() {
  const isPath = (path: string): boolean => (path.startsWith("/") || !path.includes("/")) && isPlainPath(path);
  return text("an absolute path, or the bare name of a program in PATH", isPath, { minLength: 1 });
}

export function hostName() {
  return text('a host name, for instance "control.example.com"', isHostName);
}

/** The base of a service's URLs. What may be a secret has no place in it. */
export function webAddress() {
  return text('a URL without a path, for instance "https://api.example.com"', isBaseUrl);
}

/**
 * A platform's metadata service: an address of its own, the first if none is given, or this
 * machine's loopback, where tests stand in for it. Anybody else would be given what the agent
 * proves itself with.
 */
export function metadataAddress(...own: readonly [string, ...string[]]) {
  const places = own.map((url) => `"${url}"`).join(", ");
  const isKnown = (url: string): boolean => own.includes(url) || (isBaseUrl(url) && isLoopback(url));
  return text(`${places}, or a URL of this machine's loopback without a path`, isKnown).default(own[0]);
}

/** A stand-in for what is else asked by its own name, or nobody. */
export function loopbackOrNone() {
  const expected = '"none", or a URL of this machine\'s loopback without a path';
  return text(expected, (url) => url === "none" || (isBaseUrl(url) && isLoopback(url)));
}

/** A service's base that is authenticated by TLS; without, on this machine's loopback only. */
export function serviceAddress() {
  const expected = 'an https URL without a path, for instance "https://sts.example.com"';
  return text(expected, (url) => isBaseUrl(url) && isTrusted(url));
}

/** As `serviceAddress`, but whole: it may have a path and a query. */
export function tokenAddress() {
  const expected = 'an https URL, for instance "https://platform.example.com/token"';
  return text(expected, (url) => URL_WITHOUT_USER.test(url) && URL.canParse(url) && isTrusted(url));
}

/** Where OTLP is spoken over HTTP. What may be a secret has no place in it. */
export function otlpEndpoint() {
  const expected =
    'an http or https URL without user and query, for instance "https://collector.example.com:4318", or "none"';
  return text(expected, (url) => url === "none" || isOtlpEndpoint(url));
}

/** A network-specific prefix as RFC 6052 lets a NAT64 gateway have one. */
export function nat64Prefix() {
  const expected = 'an IPv6 prefix of 32, 40, 48, 56, 64 or 96 bits, for instance "2001:db8:64::/96"';
  return text(expected, (prefix) => parseNat64Prefix(prefix) !== undefined);
}

/** An HTTP proxy. What may be a secret has no place in it. */
export function proxyAddress() {
  const expected = 'a URL without a path, for instance "http://proxy.example.com:3128", or "none"';
  return text(expected, (url) => url === "none" || (/^http:\/\/[^/?#@\s]+$/.test(url) && URL.canParse(url)));
}

export function oneOf<const T extends string>(choices: readonly T[]): Kind<T> {
  const expected = `one of ${choices.map((choice) => `"${choice}"`).join(", ")}`;
  return Kind.of({ type: "string", enum: choices }, (value) => {
    const choice = choices.find((known) => known === value);
    return choice === undefined ? { expected } : { value: choice };
  });
}

export function trueOrFalse(): Kind<boolean> {
  return Kind.of({ type: "boolean" }, (value) =>
    typeof value === "boolean" ? { value } : { expected: "true or false" },
  );
}

/**
 * A block device by what it is, never by a name that the kernel gives in the order of discovery.
 */
export function deviceName() {
  const expected = 'a path in /dev/disk/by-id/, or "udev:PROPERTY=value", for instance "udev:ID_SERIAL=cache"';
  return text(expected, (device) => DEVICE.test(device), { pattern: DEVICE.source });
}

const ABSOLUTE = "an absolute path";
const DEVICE = /^(\/dev\/disk\/by-id\/[^/\p{Cc}\s]+|udev:[A-Z][A-Z0-9_]*=[^\p{Cc}]+)$/u;
const URL_WITHOUT_USER = /^https?:\/\/[^/?#@\s]+(?:[/?][^#\s]*)?$/;

function isBaseUrl(text: string): boolean {
  return /^https?:\/\/[^/?#@\s]+$/.test(text) && URL.canParse(text);
}

function isTrusted(url: string): boolean {
  return url.startsWith("https:") || isLoopback(url);
}

/** Whether a URL leads no farther than to this machine itself. */
function isLoopback(url: string): boolean {
  const { hostname } = new URL(url);
  return hostname === "localhost" || hostname === "[::1]" || /^127\.\d+\.\d+\.\d+$/.test(hostname);
}

function isPlainPath(text: string): boolean {
  if (/[\p{Cc}\p{Cs}]/u.test(text)) return false;
  const parts = text.split("/").slice(text.startsWith("/") ? 1 : 0);
  return parts.every((part) => part !== "" && part !== "." && part !== "..");
}

function hostPort(leastPort: number, expected: string): Kind<HostPort> {
  return Kind.of({ type: "string", pattern: "^.+:\\d{1,5}$" }, (value): Reading<HostPort> => {
    const parsed = typeof value === "string" ? parseHostPort(value) : undefined;
    return parsed !== undefined && parsed.port >= leastPort ? { value: Object.freeze(parsed) } : { expected };
  });
}

function text(expected: string, isRight: (text: string) => boolean, form: Omit<Form, "type"> = {}): Kind<string> {
  return Kind.of({ type: "string", ...form }, (value) =>
    typeof value === "string" && isRight(value) ? { value } : { expected },
  );
}

function integer(minimum: number, maximum: number, expected: string): Kind<number> {
  return Kind.of({ type: "integer", minimum, maximum }, (value) =>
    typeof value === "number" && Number.isSafeInteger(value) && minimum <= value && value <= maximum
      ? { value }
      : { expected },
  );
}
