import { isIPv4 } from "node:net";
import { InvalidArgumentError } from "commander";
import type { Address } from "../stack/free-port.ts";

/** "127.0.0.1:8443" → its parts; port 0: a free one. @throws {InvalidArgumentError} */
export function address(text: string): Address {
  const [, host = "", port = ""] = /^([^:]+):(\d{1,5})$/.exec(text) ?? [];
  if (!isIPv4(host) || port === "" || Number(port) > 65_535) {
    throw new InvalidArgumentError("An IPv4 address and a port are wanted, such as 127.0.0.1:8443.");
  }
  return { host, port: Number(port) };
}
