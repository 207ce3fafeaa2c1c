import { formatAddress, parseAddress } from "./address.ts";
import { cidr, contains, parseCidr } from "./cidr.ts";
import type { NetworkFacts } from "./facts.ts";
import { parseNat64Prefix, throughNat64 } from "./nat64.ts";
import type { EgressPolicy } from "./order.ts";
import { TAILNET } from "./plan.ts";
import { METADATA_TARGETS } from "./probe-metadata.ts";
import { FORBIDDEN_MS, PERMITTED_MS, type ProbeTarget, type ProbeVia, UNANSWERED_MS } from "./probe-target.ts";

/**
 * Where somebody listens for us: a TCP and a UDP port at one address, as the step has to name it.
 */
export interface ListeningPoint {
  readonly host: string;
  readonly tcpPort: number;
  readonly udpPort: number;
}

/** What was set up for this probe. */
export interface ProbeSurroundings {
  /** At each of the machine's own addresses, the cable's link-local one included. */
  readonly machine: readonly ListeningPoint[];
  /** In another step's network, where a frame goes straight from port to port. */
  readonly neighbour: readonly ListeningPoint[];
  /** The same step, where packets are led through the machine. */
  readonly routedNeighbour: readonly ListeningPoint[];
  /** How this machine's own questions (`ownQuestions`) have been answered by now. */
  readonly answered: ReadonlySet<ProbeVia>;
}

const METADATA = "instance metadata";

const SSH = 22;
const DNS = 53;
const HTTP = 80;

const DNS_VIAS = ["dns-udp", "dns-tcp"] as const satisfies readonly ProbeVia[];

/**
 * One address of each range that may be somebody's own (RFC 1918, 6598, 4193), of the kind that
 * routers like to have.
 */
const PRIVATE_SAMPLES = ["10.0.0.1", "172.16.0.1", "192.168.0.1", "192.168.1.1", "100.64.0.1", "fd00::1", "fc00::1"];
const PRIVATE_RANGES = ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "fc00::/7"].map(cidr);

/** Of documents only (RFC 5737, 3849): what an allow-list does not name. */
const PUBLIC_SAMPLES = ["192.0.2.1", "198.51.100.1", "203.0.113.1", "2001:db8::1"];

/** Quad-100, which answers names in any tailnet, and addresses that its nodes have. */
const TAILNET_NAMES = ["100.100.100.100", "fd7a:115c:a1e0::53"];
const TAILNET_NODES = ["100.64.0.2", "100.127.255.254", "fd7a:115c:a1e0::2"];

/**
 * Everything that is tried from inside a build's network: what must be refused whatever the policy
 * is, what this policy closes, what must be reached.
 */
export function planProbe(facts: NetworkFacts, around: ProbeSurroundings): readonly ProbeTarget[] {
  return [
    ...METADATA_TARGETS.map(({ host, port }) => forbidden(METADATA, "tcp", host, port)),
    ...throughTheOperatorsNat64(facts),
    ...linkLocal(),
    ...machine(facts, around.machine),
    ...[...around.neighbour, ...around.routedNeighbour].flatMap((point) => listening("another build", point)),
    ...tailnet(facts),
    ...privateRanges(facts),
    ...outsideAllowList(facts),
    ...names(facts, around),
    ...ordered(facts),
  ];
}

/** The metadata services' IPv4 addresses as the operator's own gateway would be asked for them. */
function throughTheOperatorsNat64({ nat64Prefix = "" }: NetworkFacts): readonly ProbeTarget[] {
  const prefix = parseNat64Prefix(nat64Prefix);
  if (prefix === undefined) return [];
  return METADATA_TARGETS.flatMap(({ host, port }) => {
    const address = parseAddress(host);
    if (address?.family !== "ipv4") return [];
    return [forbidden(METADATA, "tcp", formatAddress(throughNat64(prefix, address)), port)];
  });
}

/**
 * What a hypervisor has there beside its metadata, for instance AWS' resolver: it is asked by way
 * of `builds0` only.
 */
function linkLocal(): readonly ProbeTarget[] {
  const what = "link-local addresses";
  return [forbidden(what, "dns-udp", "169.254.169.253", DNS), forbidden(what, "tcp", "169.254.0.1", HTTP)];
}

/**
 * Whatever listens there, now or later: ports of the agent, one of ssh, and two where we listen.
 */
function machine({ agentPorts }: NetworkFacts, points: readonly ListeningPoint[]): readonly ProbeTarget[] {
  const what = "this machine's own addresses";
  return points.flatMap((point) => [
    ...listening(what, point),
    ...[...new Set([SSH, ...agentPorts])].map((port) => forbidden(what, "tcp", point.host, port)),
  ]);
}

function listening(what: string, { host, tcpPort, udpPort }: ListeningPoint): readonly ProbeTarget[] {
  return [forbidden(what, "tcp", host, tcpPort), forbidden(what, "udp", host, udpPort)];
}

/**
 * Its resolver is asked by way of `builds0` only. Where there is no such interface, the addresses
 * of nodes are private ones like others.
 */
function tailnet({ tailnet: at, machineAddresses, egress }: NetworkFacts): readonly ProbeTarget[] {
  const isNode = machineAddresses.some((address) => address.interface === TAILNET);
  const nodes = at === "open" ? [] : TAILNET_NODES.filter((host) => isNode || !isOpen(host, egress));
  return [
    ...TAILNET_NAMES.map((host) => forbidden("the tailnet's resolver", "dns-udp", host, DNS)),
    ...nodes.map((host) => forbidden("the tailnet", "tcp", host, HTTP)),
  ];
}

function privateRanges(facts: NetworkFacts): readonly ProbeTarget[] {
  const open = [facts.ipv4.cidr, facts.ipv6.cidr, ...openTailnet(facts)];
  return PRIVATE_SAMPLES.filter((host) => !isWithin(host, open) && !isOpen(host, facts.egress)).map((host) =>
    forbidden("private ranges", "tcp", host, HTTP),
  );
}

function outsideAllowList(facts: NetworkFacts): readonly ProbeTarget[] {
  const open = openTailnet(facts);
  return PUBLIC_SAMPLES.filter((host) => !isWithin(host, open) && !isOpen(host, facts.egress)).map((host) =>
    forbidden("outside the allow-list", "tcp", host, HTTP),
  );
}

/**
 * A granted tailnet has nodes and subnet routes among the private ranges: there is somebody, who
 * may be reached.
 */
function openTailnet({ tailnet: at, tailnetRoutes = [] }: NetworkFacts): readonly string[] {
  return at === "open" ? tailnetRoutes : [];
}

/**
 * Any answer will do, of any resolver. One that does not answer this machine either is not waited
 * for.
 */
function names(
  { nameservers, resolvers, localResolvers }: NetworkFacts,
  { answered }: Pick<ProbeSurroundings, "answered">,
): readonly ProbeTarget[] {
  if (resolvers.length + localResolvers.length === 0) return [];
  const what =
    resolvers.length > 0
      ? "names (DNS)"
      : `names (DNS), which this machine has from ${localResolvers.join(", ")} alone`;
  return nameservers.flatMap((host) =>
    DNS_VIAS.map((via) => ({
      ...permitted(what, via, host, DNS),
      anyOf: via,
      deadlineMs: answered.has(via) ? PERMITTED_MS : UNANSWERED_MS,
    })),
  );
}

/**
 * What this machine asks for itself, of those to whom builds are led: where it gets no answer, the
 * guard is not what keeps builds from one.
 */
export function ownQuestions({
  resolvers,
  localResolvers,
  tailnet: at,
}: NetworkFacts): readonly Pick<ProbeTarget, "via" | "host" | "port">[] {
  const asked = at === "open" ? TAILNET_NAMES.slice(0, 1) : [...resolvers, ...localResolvers];
  return asked.flatMap((host) => DNS_VIAS.map((via) => ({ via, host, port: DNS })));
}

function ordered({ probeTarget }: NetworkFacts): readonly ProbeTarget[] {
  if (probeTarget === undefined) return [];
  return [permitted("what every build must reach", "tcp", probeTarget.host, probeTarget.port)];
}

function forbidden(what: string, via: ProbeVia, host: string, port: number): ProbeTarget {
  return { what, via, host, port, expected: "refused", deadlineMs: FORBIDDEN_MS };
}

function permitted(what: string, via: ProbeVia, host: string, port: number): ProbeTarget {
  return { what, via, host, port, expected: "reached", deadlineMs: PERMITTED_MS };
}

/** Whether the policy alone lets a packet there. */
function isOpen(host: string, { allowedCidrs, allowPrivateRanges }: EgressPolicy): boolean {
  if (allowedCidrs.length > 0) return isWithin(host, allowedCidrs);
  return allowPrivateRanges || !PRIVATE_RANGES.some((range) => isIn(host, range));
}

function isWithin(host: string, cidrs: readonly string[]): boolean {
  return cidrs.some((text) => {
    const range = parseCidr(text);
    return range !== undefined && isIn(host, range);
  });
}

function isIn(host: string, range: ReturnType<typeof cidr>): boolean {
  const address = parseAddress(host);
  return address !== undefined && contains(range, address);
}
