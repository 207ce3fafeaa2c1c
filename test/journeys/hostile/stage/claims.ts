import { LINK } from "../../../../agent/adapters/link/values.ts";
import { type Claim, helloOf, line } from "./gateway-peer.ts";

const HALF = '{"v":1,"is":"opened","opening":{"sessionId":"';
const PIECE = "x".repeat(64 * 1024);
/** As a line may just be as long. */
const LONG = LINK.lineMaxBytes - 1_000;

const OTHERS = { orgId: "other", projectId: "app", buildId: "b" };
const opening = (sessionId: string, more: object = {}) => ({
  sessionId,
  build: { orgId: "acme", projectId: "app", buildId: `b-${sessionId}` },
  peer: "192.0.2.1:1",
  certificateSerial: "01",
  keySpkiSha256: "ab".repeat(32),
  openedAtMs: Date.now(),
  ...more,
});
const summary = (sessionId: string, more: object = {}) => ({
  ...opening(sessionId),
  durationMs: 1,
  bytesFromClient: 1,
  bytesToClient: 1,
  ending: "buildkit-error",
  detail: "",
  ...more,
});
const STATS = {
  listening: false,
  accepted: 0,
  refused: {},
  refusedCalls: {},
  pendingHandshakes: 0,
  openSessions: 0,
  bytesFromClients: 0,
  bytesToClients: 0,
  residentBytes: 0,
  eventLoopDelayP99Ms: 0,
  recordsDropped: 0,
  linkFaults: 0,
  logLinesDropped: 0,
  copiedSessions: 0,
  progress: [],
};
const stats = (more: object): string => line({ is: "stats", stats: { ...STATS, ...more } });

function filled(before: string, piece: string, after: string): string {
  return `${before}${piece.repeat(Math.floor((LONG - before.length - after.length) / piece.length))}${after}\n`;
}

const EMPTY_RECORDS = filled('{"v":1,"is":"hello-closed","closed":[', "{},", "{}]}");
const DEEP = filled('{"v":1,"is":"stats","stats":', "[", "");
const LONG_TEXT = filled('{"v":1,"is":"opened","opening":{"sessionId":"', "x", '"}}');
const DETAIL = "d".repeat(12_000_000);

/**
 * All that a process may claim which is the gateway, or has its user. Sessions that it tells are of
 * a run of its own.
 */
export const CLAIMS: readonly Claim[] = [
  { what: "a line without an end", again: () => PIECE },
  { what: "one byte of a line after the other", first: () => helloOf(1) + HALF, again: () => "x" },
  { what: "half a line, then nothing", first: () => helloOf(1) + HALF, again: () => undefined },
  { what: "nothing at all", first: () => "", again: () => undefined },
  { what: "lines of five million empty records", again: () => EMPTY_RECORDS, aConnection: 1 },
  { what: "lines of brackets", again: () => DEEP, aConnection: 1 },
  { what: "a session's name of 16 MB", again: () => LONG_TEXT, aConnection: 1 },
  {
    what: "openings of sessions that never were",
    again: (at) => line({ is: "opened", opening: opening(`peer-1.${at}`) }),
    first: () => helloOf(1),
  },
  {
    what: "records of sessions that never were",
    again: (at) => line({ is: "closed", summary: summary(`peer-1.${at}`) }),
    first: () => helloOf(1),
  },
  {
    what: "records whose numbers jump and repeat",
    again: (at) => line({ is: "closed", summary: summary(`peer-1.${(at % 2) * 1e14 + (at % 1_000) * 2 + 1}`) }),
    first: () => helloOf(1),
  },
  {
    what: "records of another project, as a control plane refuses them",
    again: (at) => line({ is: "closed", summary: summary(`peer-1.${at}`, { build: OTHERS }) }),
    first: () => helloOf(1),
  },
  {
    what: "records with 12 MB of detail",
    again: (at) => line({ is: "closed", summary: summary(`peer-1.${at}`, { detail: DETAIL }) }),
  },
  {
    what: "sessions of no time that is",
    again: (at) => line({ is: "opened", opening: opening(`peer-1.${at}`, { openedAtMs: at % 2 ? 1e300 : -1e300 }) }),
  },
  { what: "hellos of ever other gateways", first: (at) => helloOf(at), again: (at) => helloOf(at) },
  { what: "a gateway that comes and goes", first: (at) => helloOf(at), again: () => "", aConnection: 1 },
  {
    what: "requests of ever other keys",
    again: (at) =>
      line({ is: "request", request: { der: "MAA=", spkiSha256: (at % 2 ** 31).toString(16).padStart(64, "0") } }),
  },
  { what: "a certificate of no time that is", again: (at) => line({ is: "certified", notAfterMs: 8.64e15 + at }) },
  {
    what: "figures as large as numbers are",
    again: (at) => stats({ accepted: 2 ** 53 - 1, eventLoopDelayP99Ms: at * 1e290 }),
  },
  { what: "figures below nothing", again: (at) => stats({ residentBytes: -at }) },
  {
    what: "ever other reasons of refusals",
    again: (at) =>
      stats({ refused: Object.fromEntries(Array.from({ length: 250 }, (_, of) => [`r-${at}-${of}`, at])) }),
  },
  {
    what: "what it has applied, ever another",
    again: (at) => line({ is: "applied", revision: String(at), epoch: "e" }),
  },
];
