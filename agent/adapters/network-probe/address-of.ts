import { Resolver } from "node:dns/promises";
import { isIP } from "node:net";

/**
 * An address is itself; a name is asked for at `nameservers`, as a build step would. Rejects with
 * the resolver's code, for instance ENOTFOUND.
 */
export async function addressOf(host: string, nameservers: readonly string[], signal: AbortSignal): Promise<string> {
  if (isIP(host.split("%")[0] ?? "") !== 0) return host;
  const resolver = new Resolver();
  resolver.setServers(nameservers);
  const cancel = (): void => resolver.cancel();
  signal.addEventListener("abort", cancel, { once: true });
  try {
    const [first] = await resolver.resolve4(host).catch(() => resolver.resolve6(host));
    return first ?? host;
  } finally {
    signal.removeEventListener("abort", cancel);
  }
}
