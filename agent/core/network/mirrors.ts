import { CONTRACT_LIMITS } from "../contract-limits.ts";
import { parseAddress } from "./address.ts";

/** A registry's mirror as BuildKit reaches it. */
export interface MirrorHost {
  /** A name, or an address without brackets. */
  readonly host: string;
  readonly port: number;
}

/** One address of it. */
export interface MirrorPlace {
  readonly address: string;
  readonly port: number;
}

/** As many as one order takes: two of each mirror that the contract allows. */
export const MIRROR_PLACES_MAX = 2 * CONTRACT_LIMITS.registries * CONTRACT_LIMITS.mirrorsPerRegistry;

/** BuildKit speaks TLS to a mirror that says nothing else. */
const HTTPS = 443;

/** "mirror.example", "mirror.example:5000/path", "[fd00::5]:5000": each host and port once. */
export function mirrorHosts(mirrors: ReadonlyMap<string, readonly string[]>): readonly MirrorHost[] {
  const found = new Map<string, MirrorHost>();
  for (const text of [...mirrors.values()].flat()) {
    const { bracketed, plain, port } = HOST_AND_PORT.exec(text)?.groups ?? {};
    const host = bracketed ?? plain;
    if (host !== undefined && host !== "") found.set(text, { host, port: port === undefined ? HTTPS : Number(port) });
  }
  const distinct = new Map([...found.values()].map((mirror) => [`${mirror.host} ${mirror.port}`, mirror]));
  return [...distinct.values()];
}

const HOST_AND_PORT = /^(?:\[(?<bracketed>[^\]]+)\]|(?<plain>[^:/]+))(?::(?<port>\d{1,5}))?(?:\/|$)/;

/** Whether it has to be asked for among names. */
export function isName({ host }: MirrorHost): boolean {
  return parseAddress(host) === undefined;
}
