/**
 * How a target is tried. "udp" says one word and takes any answer; the others ask a question of
 * DNS.
 */
export type ProbeVia = "tcp" | "udp" | "dns-udp" | "dns-tcp";

/** One thing to try from inside a build's network. */
export interface ProbeTarget {
  /** See `ProbeFinding`. */
  readonly what: string;
  readonly via: ProbeVia;
  /**
   * An address, perhaps with the step's interface ("fe80::1%eth0"); a name only where the operator
   * gave one.
   */
  readonly host: string;
  readonly port: number;
  readonly expected: "refused" | "reached";
  /** Among those with the same word, one that is reached is enough. */
  readonly anyOf?: string;
  /** What has not answered by then is silent. */
  readonly deadlineMs: number;
}

/** What came of trying one. */
export type ProbeOutcome =
  /** A connection, or an answer. */
  | { readonly is: "answered"; readonly detail: string }
  /** The system's own word for it: "EHOSTUNREACH". */
  | { readonly is: "failed"; readonly code: string }
  | { readonly is: "silent" };

/** What came to one of our own listeners, whether or not its answer found the way back. */
export interface Heard {
  readonly via: "tcp" | "udp";
  /** As the listener knows it: without an interface. */
  readonly address: string;
  readonly port: number;
}

/**
 * What must be refused and is answered here or next door: the handshake is the kernel's work, and
 * takes microseconds. A refusal of IPv6 comes only after TCP's first repetition, a second later;
 * nobody waits for that, since a refusal and silence are worth the same.
 */
export const FORBIDDEN_MS = 300;
/** What must be reached may be far away, and a resolver may have to ask others. */
export const PERMITTED_MS = 3_000;
/**
 * For names, where this machine's own question, which was asked first, is still open: the machine
 * waits as long, and the agent's boot with it.
 */
export const UNANSWERED_MS = 500;

/** "169.254.169.254:80", "[fd00:ec2::254]:80", "10.0.0.1:4711/udp". */
export function nameOf({ host, port, via }: Pick<ProbeTarget, "host" | "port" | "via">): string {
  const place = host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
  return via === "udp" || via === "dns-udp" ? `${place}/udp` : place;
}
