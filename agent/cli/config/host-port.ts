import { isIPv6 } from "node:net";

/** A host name or address without brackets, and a TCP port. */
export interface HostPort {
  readonly host: string;
  readonly port: number;
}

/** RFC 1123 labels; IPv4 addresses match as well. */
const HOST_NAME =
  /^(?=.{1,253}$)[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?)*$/;
const SPLIT = /^(?:\[(?<ipv6>[^\]]+)\]|(?<name>[^:[\]]+)):(?<port>\d{1,5})$/;

export function isHostName(text: string): boolean {
  return HOST_NAME.test(text);
}

/**
 * Reads "host:port" or "[IPv6]:port". Undefined if it is neither; an IPv6 address without brackets
 * is neither, since its port is a guess.
 */
export function parseHostPort(text: string): HostPort | undefined {
  const groups = SPLIT.exec(text)?.groups;
  const port = Number(groups?.["port"]);
  if (groups === undefined || port > 65_535) return undefined;
  const ipv6 = groups["ipv6"];
  if (ipv6 !== undefined) return isIPv6(ipv6) ? { host: ipv6, port } : undefined;
  const name = groups["name"];
  return name !== undefined && isHostName(name) ? { host: name, port } : undefined;
}

export function formatHostPort({ host, port }: HostPort): string {
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}
