import { formatHostPort, type HostPort } from "../config/host-port.ts";
import type { Found } from "./finding.ts";
import { codeOf, connected } from "./sockets.ts";

/** Whether the builds' port takes connections; under systemd that is the socket unit's. */
export async function gatewayPort({ host, port }: HostPort, signal: AbortSignal): Promise<Found> {
  const name = "port/gateway";
  const shown = formatHostPort({ host, port });
  if (port === 0)
    return {
      name,
      state: "unseen",
      evidence: "gateway.listen leaves the port to the kernel: nobody outside knows which it is",
    };
  try {
    await connected({ host: reachable(host), port }, signal);
    return { name, state: "ok", evidence: `${shown} takes connections` };
  } catch (failure) {
    signal.throwIfAborted();
    return {
      name,
      state: "fail",
      evidence: `${shown} takes no connection (${codeOf(failure)})`,
      next: `ss -ltnp 'sport = :${port}'; where the service manager or a sandbox holds the port, see there`,
    };
  }
}

/** A wildcard is where to listen, not where to connect. */
function reachable(host: string): string {
  if (host === "0.0.0.0") return "127.0.0.1";
  return host === "::" ? "::1" : host;
}
