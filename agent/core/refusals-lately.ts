import type { Instant } from "./instant.ts";
import { TURNED_AWAY, type TurnedAway } from "./turned-away.ts";

/** What is counted together: long enough for a client that tries again every two minutes. */
export const LATELY_MS = 10 * 60_000;
const SLOT_MS = 30_000;

/** Connections that the gateway has turned away lately, by reason. */
export interface RefusalsLately {
  /** Whose counters these are: they begin anew with each gateway. */
  readonly runId: string;
  /** Its counters, as last told. */
  readonly counted: Readonly<Record<string, number>>;
  /** Since when somebody counts here. */
  readonly watchedSince: Instant;
  /** Oldest first; none without a refusal. */
  readonly slots: readonly Slot[];
  /** Reasons that are worth a look, until they are rare again. */
  readonly amiss: readonly TurnedAway[];
}

interface Slot {
  readonly beganMonoMs: number;
  readonly refused: Readonly<Record<string, number>>;
}

/**
 * Whose matter a refusal is, and from how many within `LATELY_MS` it is worth a look.
 * - "client": it showed a certificate, or turned from ours. What scans the internet does neither.
 * - "crowd": for want of room. Strangers can cause it, and then clients suffer as well.
 * - "told": another check says so already.
 * - "usual": a build that is over, a machine at its end; or somebody who never got as far as a
 *   certificate. A public port has these all day: they are counted, and never a warning.
 */
type Matter = "client" | "crowd" | "told" | "usual";

/**
 * Five: one build whose client tries again for ten minutes is told. A hundred: a busy minute of
 * strangers at a machine with room for 256 handshakes is not.
 */
const WORTH_A_LOOK: Readonly<Record<Matter, number>> = {
  client: 5,
  crowd: 100,
  told: Number.POSITIVE_INFINITY,
  usual: Number.POSITIVE_INFINITY,
};
/** Fewer than this share of it, and it is over: a rate that hovers does not come and go. */
const OVER_SHARE = 0.5;

interface Row {
  readonly matter: Matter;
  /** What to do; "" where nothing is to be done. */
  readonly remedy: string;
}

const usual: Row = { matter: "usual", remedy: "" };
const told: Row = { matter: "told", remedy: "" };
const client = (remedy: string): Row => ({ matter: "client", remedy });
const crowd = (remedy: string): Row => ({ matter: "crowd", remedy });
const LOG = "builder-agent logs --unit gateway shows who, and what was shown";

const ROWS: Readonly<Record<TurnedAway, Row>> = {
  "chain-not-trusted": client(
    "The trust bundle lacks the CA of these clients' certificates: the control plane has to send it, or they are of another service",
  ),
  "certificate-expired": client(
    "These clients use certificates of builds that are over, or this machine's clock is ahead: see the check clock",
  ),
  "certificate-not-yet-valid": client(
    "This machine's clock is behind, or the control plane's ahead: see the check clock",
  ),
  "certificate-is-a-ca": client("The control plane has to issue builds a leaf certificate"),
  "not-for-client-authentication": client("The control plane has to issue certificates for client authentication"),
  "not-exactly-one-uri-san": client("The control plane has to name the build, and nothing else, in the certificate"),
  "not-a-build-identity": client(
    "The control plane has to name the build as the contract says, in this machine's trust domain",
  ),
  "key-not-accepted": client("Clients need a key of ECDSA P-256 or more, Ed25519, or RSA of 2048 bits or more"),
  "no-grant": client(
    "These builds are not open on this machine: the control plane sent their clients elsewhere than their grants",
  ),
  "grant-expired": client("These builds outlive their grants: the control plane has to give them longer ones"),
  "key-not-granted": client(
    "Another key than the granted one was shown: the client has an old certificate, or a stolen one",
  ),
  "serving-certificate-not-trusted": client(
    "Clients do not take this gateway's certificate: they have another CA than the one that issues it, or ask for another name",
  ),
  "too-many-sessions-of-build": client(
    "A client opens connections in a loop: see which build, and how its client is set up",
  ),
  "too-many-connections": crowd(
    "The gateway is at its limit: spread builds over more machines, or keep strangers out by a firewall",
  ),
  "too-many-connections-of-source": crowd(
    "One address is at its limit: many builds behind it, or one that opens connections in a loop",
  ),
  "displaced-by-newer": crowd("More handshakes come than there is room for: keep strangers out by a firewall"),
  "handshakes-too-costly": crowd("Somebody makes handshakes dear: keep that address out by a firewall"),
  "no-view": told,
  "view-too-old": told,
  "not-admitting": told,
  "not-serving-yet": told,
  "machine-draining": usual,
  "build-ended": usual,
  "build-revoked": usual,
  "no-certificate": usual,
  "protocol-too-old": usual,
  "session-resumed": usual,
  "certificate-unreadable": usual,
  "handshake-timeout": usual,
  "handshake-abandoned": usual,
  "handshake-failed": usual,
  "handshake-too-large": usual,
  "tcp-probe": usual,
  "no-common-alpn": usual,
  "not-tls": usual,
};

/** What to do about it. */
export function refusalRemedy(reason: TurnedAway): string {
  return `${ROWS[reason].remedy}. ${LOG}`;
}

/** The gateway has told its counters. Those that it had when we first saw it are no news. */
export function refusalsTold(
  before: RefusalsLately | undefined,
  told: { readonly runId: string; readonly refused: Readonly<Record<string, number>> },
  now: Instant,
): RefusalsLately {
  const { runId } = told;
  const counted = byKnownReason(told.refused);
  if (before === undefined) return { runId, counted, watchedSince: now, slots: [], amiss: [] };
  const fresh = increase(before.runId === runId ? before.counted : {}, counted);
  const slots = withFresh(before.slots, fresh, now.monoMs);
  const lately = sums(slots);
  const amiss = TURNED_AWAY.filter((reason) => {
    const from = WORTH_A_LOOK[ROWS[reason].matter];
    return (lately[reason] ?? 0) >= (before.amiss.includes(reason) ? from * OVER_SHARE : from);
  });
  return { runId, counted, watchedSince: before.watchedSince, slots, amiss };
}

/** By reason, the most frequent first. */
export function refusedLately({ slots }: RefusalsLately): readonly (readonly [reason: string, count: number])[] {
  return Object.entries(sums(slots)).toSorted(([, a], [, b]) => b - a);
}

/** Reasons that nobody knows are one: they are kept for ten minutes, however many there are. */
function byKnownReason(refused: Readonly<Record<string, number>>): Readonly<Record<string, number>> {
  const counted: Record<string, number> = {};
  for (const [reason, count] of Object.entries(refused)) {
    const known = KNOWN.has(reason) ? reason : "other";
    counted[known] = (counted[known] ?? 0) + count;
  }
  return counted;
}

const KNOWN: ReadonlySet<string> = new Set(TURNED_AWAY);

function increase(
  before: Readonly<Record<string, number>>,
  now: Readonly<Record<string, number>>,
): Readonly<Record<string, number>> {
  const rises = Object.entries(now).map(([reason, count]) => [reason, count - (before[reason] ?? 0)] as const);
  return Object.fromEntries(rises.filter(([, rise]) => rise > 0));
}

function withFresh(slots: readonly Slot[], fresh: Slot["refused"], nowMonoMs: number): readonly Slot[] {
  const young = slots.filter(({ beganMonoMs }) => nowMonoMs - beganMonoMs < LATELY_MS);
  if (Object.keys(fresh).length === 0) return young;
  const last = young.at(-1);
  if (last === undefined || nowMonoMs - last.beganMonoMs >= SLOT_MS)
    return [...young, { beganMonoMs: nowMonoMs, refused: fresh }];
  return [...young.slice(0, -1), { ...last, refused: sums([last, { beganMonoMs: nowMonoMs, refused: fresh }]) }];
}

function sums(slots: readonly Slot[]): Readonly<Record<string, number>> {
  const all: Record<string, number> = {};
  for (const { refused } of slots)
    for (const [reason, count] of Object.entries(refused)) all[reason] = (all[reason] ?? 0) + count;
  return all;
}
