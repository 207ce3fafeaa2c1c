import { type Address, parseAddress } from "./network/address.ts";
import { cidr, contains, parseCidr } from "./network/cidr.ts";
import { Secret } from "./secret.ts";

/** An HTTP proxy that is asked by CONNECT to lead through to a host. */
export interface Proxy {
  readonly host: string;
  readonly port: number;
  /** "user:password". */
  readonly credentials?: Secret;
}

const HTTP = 80;

/** Undefined for what is no URL of an HTTP proxy. "proxy.example:3128" is taken as curl does. */
export function parseProxy(text: string): Proxy | undefined {
  const whole = text.includes("://") ? text : `http://${text}`;
  const url = urlOf(whole);
  if (url === undefined) return undefined;
  if (url.protocol !== "http:" || url.hostname === "") return undefined;
  if ((url.pathname !== "/" && url.pathname !== "") || url.search !== "" || url.hash !== "") return undefined;
  const credentials = decoded(url.password === "" ? url.username : `${url.username}:${url.password}`);
  if (credentials === undefined) return undefined;
  return {
    host: url.hostname.replace(/^\[(.*)\]$/, "$1"),
    port: url.port === "" ? HTTP : Number(url.port),
    ...(credentials !== "" && { credentials: new Secret(credentials) }),
  };
}

/** Of very long hosts `URL.canParse` says yes where `new URL` throws (Node 20.20). */
function urlOf(text: string): URL | undefined {
  try {
    return new URL(text);
  } catch {
    return undefined;
  }
}

const LOOPBACK = [cidr("127.0.0.0/8"), cidr("::1/128")];

/**
 * Whether a host is asked directly although the environment names a proxy: what is on this machine,
 * and what `noProxy` names: hosts with all below them, addresses, CIDRs, each perhaps with a port;
 * "*" is all.
 */
export function isExcepted({ host, port }: HostAndPort, noProxy: string): boolean {
  const name = host.toLowerCase();
  const address = parseAddress(name);
  if (name === "localhost" || (address !== undefined && LOOPBACK.some((range) => contains(range, address))))
    return true;
  return noProxy
    .toLowerCase()
    .split(/[\s,]+/)
    .some((entry) => isNamedBy(entry, { name, address, port }));
}

interface HostAndPort {
  readonly host: string;
  readonly port: number;
}

interface Asked {
  readonly name: string;
  readonly address: Address | undefined;
  readonly port: number;
}

function isNamedBy(entry: string, { name, address, port }: Asked): boolean {
  // First as a whole: the last group of an IPv6 address is no port.
  const whole = parseCidr(entry);
  const [, named = "", ofPort] = whole === undefined ? (/^\[?(.*?)\]?(?::(\d+))?$/.exec(entry) ?? []) : [];
  if (ofPort !== undefined && Number(ofPort) !== port) return false;
  const range = whole ?? parseCidr(named);
  if (range !== undefined) return address !== undefined && contains(range, address);
  const domain = named.replace(/^\*?\./, "");
  return named === "*" || (domain !== "" && (name === domain || name.endsWith(`.${domain}`)));
}

function decoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}
