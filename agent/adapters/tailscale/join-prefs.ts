import type { Prefs } from "./local-api.ts";

/** All of them at each join: what is not named here is tailscaled's default. */
export function joinPrefs(wish: {
  readonly coordinationUrl: string;
  readonly hostname: string;
  readonly operatorUser?: string;
}): Prefs {
  return {
    ControlURL: wish.coordinationUrl,
    Hostname: wish.hostname,
    WantRunning: true,
    // Names of the tailnet at 100.100.100.100; the machine's own resolv.conf is out of the daemon's
    // reach.
    CorpDNS: true,
    // Only once builds' own ranges are known not to need them.
    RouteAll: false,
    // Nobody in the tailnet connects to a builder.
    ShieldsUp: true,
    // Off: the guard is ours alone, and rules of others beside it would only confuse who reads
    // them.
    NetfilterMode: 0,
    ...(wish.operatorUser !== undefined && { OperatorUser: wish.operatorUser }),
  };
}
