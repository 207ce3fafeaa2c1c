import { z } from "zod";
import { parseNat64Prefix } from "../../core/network/nat64.ts";
import { isOtlpEndpoint } from "../../core/traces/target.ts";
import { type HostPort, isHostName, parseHostPort } from "./host-port.ts";

/**
 * The kinds of value that a key may have. The message of every refusal is what was expected, so
 * that it completes the sentence "found …, expected …".
 */
export function wholeNumber(least: number, most: number) {
  const error = `a whole number from ${least} to ${most}`;
  return z.int({ error }).min(least, { error }).max(most, { error });
}

/** Milliseconds; where they come as a text with a unit, it has been read by now. */
export function milliseconds(least: number, most: number) {
  const error = `a whole number of ms from ${least} to ${most}, or a time with its unit, for instance "90s" or "10m"`;
  return z.int({ error }).min(least, { error }).max(most, { error });
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
  return z
    .string({ error: ABSOLUTE })
    .regex(/^\//, { error: ABSOLUTE })
    .refine(isPlainPath, { error: "a path without empty, “.” or “..” parts and without control characters" });
}

/** An executable: an absolute path, or a name that is looked up in PATH. */
export function program() {
  const error = "an absolute path, or the bare name of a program in PATH";
  return z
    .string({ error })
    .min(1, { error })
    .refine((text) => (text.includes("/") ? text.startsWith("/") && isPlainPath(text) : isPlainPath(text)), { error });
}

export function hostName() {
  const error = 'a host name, for instance "control.example.com"';
  return z.string({ error }).refine(isHostName, { error });
}

/** The base of a service's URLs. What may be a secret has no place in it. */
export function webAddress() {
  const error = 'a URL without a path, for instance "https://api.example.com"';
  return z.string({ error }).refine(isBaseUrl, { error });
}

/**
 * A platform's metadata service: an address of its own, the first if none is given, or this
 * machine's loopback, where tests stand in for it. Anybody else would be given what the agent
 * proves itself with.
 */
export function metadataAddress(...own: readonly [string, ...string[]]) {
  const places = own.map((url) => `"${url}"`).join(", ");
  const error = `${places}, or a URL of this machine's loopback without a path`;
  const isKnown = (url: string): boolean => own.includes(url) || (isBaseUrl(url) && isLoopback(url));
  return z.string({ error }).refine(isKnown, { error }).default(own[0]);
}

/** A stand-in for what is else asked by its own name, or nobody. */
export function loopbackOrNone() {
  const error = '"none", or a URL of this machine\'s loopback without a path';
  return z.string({ error }).refine((text) => text === "none" || (isBaseUrl(text) && isLoopback(text)), { error });
}

/** A service's base that is authenticated by TLS; without, on this machine's loopback only. */
export function serviceAddress() {
  const error = 'an https URL without a path, for instance "https://sts.example.com"';
  return z.string({ error }).refine((text) => isBaseUrl(text) && isTrusted(text), { error });
}

/** As `serviceAddress`, but whole: it may have a path and a query. */
export function tokenAddress() {
  const error = 'an https URL, for instance "https://platform.example.com/token"';
  return z.string({ error }).refine((text) => URL_WITHOUT_USER.test(text) && URL.canParse(text) && isTrusted(text), {
    error,
  });
}

/** Where OTLP is spoken over HTTP. What may be a secret has no place in it. */
export function otlpEndpoint() {
  const error =
    'an http or https URL without user and query, for instance "https://collector.example.com:4318", or "none"';
  return z.string({ error }).refine((text) => text === "none" || isOtlpEndpoint(text), { error });
}

/** A network-specific prefix as RFC 6052 lets a NAT64 gateway have one. */
export function nat64Prefix() {
  const error = 'an IPv6 prefix of 32, 40, 48, 56, 64 or 96 bits, for instance "2001:db8:64::/96"';
  return z.string({ error }).refine((text) => parseNat64Prefix(text) !== undefined, { error });
}

/** An HTTP proxy. What may be a secret has no place in it. */
export function proxyAddress() {
  const error = 'a URL without a path, for instance "http://proxy.example.com:3128", or "none"';
  return z
    .string({ error })
    .refine((text) => text === "none" || (/^http:\/\/[^/?#@\s]+$/.test(text) && URL.canParse(text)), { error });
}

export function oneOf<const T extends readonly [string, ...string[]]>(choices: T) {
  return z.enum(choices, { error: `one of ${choices.map((choice) => `"${choice}"`).join(", ")}` });
}

export function trueOrFalse() {
  return z.boolean({ error: "true or false" });
}

/**
 * A block device by what it is, never by a name that the kernel gives in the order of discovery.
 */
export function deviceName() {
  const error = 'a path in /dev/disk/by-id/, or "udev:PROPERTY=value", for instance "udev:ID_SERIAL=cache"';
  return z.string({ error }).regex(/^(\/dev\/disk\/by-id\/[^/\p{Cc}\s]+|udev:[A-Z][A-Z0-9_]*=[^\p{Cc}]+)$/u, { error });
}

const ABSOLUTE = "an absolute path";
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

function hostPort(leastPort: number, error: string) {
  const shaped = z.string({ error }).regex(/^.+:\d{1,5}$/, { error });
  return shaped.transform((text, context): HostPort => {
    const parsed = parseHostPort(text);
    if (parsed !== undefined && parsed.port >= leastPort) return Object.freeze(parsed);
    context.addIssue({ code: "custom", message: error, input: text });
    return z.NEVER;
  });
}
