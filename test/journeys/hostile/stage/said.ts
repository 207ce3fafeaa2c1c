import { randomBytes } from "node:crypto";
import { AttachResponse } from "../../../../agent/adapters/grpc/gen/builder/agent/v1/builder_agent.ts";
import { DesiredState } from "../../../../agent/adapters/grpc/gen/builder/agent/v1/desired_state.ts";
import type { Stage } from "../../stage/stage.ts";

type Changes = Parameters<typeof DesiredState.fromPartial>[0];

/** Something that a control plane may say without end: each message another. */
export interface Said {
  readonly what: string;
  readonly next: (at: number) => Uint8Array;
  /** It takes the test itself long to make, or the machine to read. */
  readonly isDear?: true;
}

const LATEST = 2n ** 63n - 1n;
/** As a message may just be as long. */
const LONG = 12_000_000;
const GRANTS = 64;
const WORDS = 60;
const CLOSED = 16_000;
const UNKNOWN_FIELD = Buffer.from([0xf8, 0x7c, 0x01]);

/** What its own control plane wants, so that open builds stay open; and changes. */
function stated({ plane, machine }: Stage, changes: Changes): Uint8Array {
  const { architecture, project } = machine;
  const trustBundle = plane.authorities.trustBundle();
  const now = project.desired({ architecture, epoch: "another", sentAt: new Date(), trustBundle });
  return encoded(DesiredState.fromPartial({ ...now, ...changes }));
}

function encoded(value: DesiredState): Uint8Array {
  return AttachResponse.encode({ message: { $case: "desired", value } }).finish();
}

/** By its own length-delimited field, which is how a million of something is written. */
function repeated(field: number, bytes: number): Uint8Array {
  const length = Buffer.from([
    (bytes & 0x7f) | 0x80,
    ((bytes >> 7) & 0x7f) | 0x80,
    ((bytes >> 14) & 0x7f) | 0x80,
    bytes >> 21,
  ]);
  return Buffer.concat([Buffer.from([0x0a]), length, Buffer.alloc(bytes, Buffer.from([(field << 3) | 2, 0]))]);
}

/** Each of them is said as fast as it is taken; `stage` is asked while it is said. */
export function allThatMayBeSaid(stage: () => Stage): readonly Said[] {
  const soon = (): Date => new Date(Date.now() + 600_000);
  const state = (changes: Changes): Uint8Array => stated(stage(), changes);
  const revision = (at: number): Pick<DesiredState, "revision"> => ({ revision: BigInt(at) + 1_000n });
  const many = <T>(count: number, make: (index: number) => T): T[] =>
    Array.from({ length: count }, (_, at) => make(at));
  return [
    { isDear: true, what: "eight million builds", next: () => repeated(6, LONG) },
    {
      isDear: true,
      what: "grants of terminals",
      next: (at) => {
        const times = { grantedAt: new Date(), startBefore: soon(), endsAt: soon() };
        const command = (index: number): string[] => many(WORDS, (word) => `word-${at}-${index}-${word}`);
        return state({
          ...revision(at),
          debugGrants: many(GRANTS, (index) => ({
            grantId: `g-${at}-${index}`,
            user: "u",
            grantedBy: "b",
            machineId: stage().machine.id,
            ...times,
            command: command(index),
          })),
        });
      },
    },
    { isDear: true, what: "an epoch of 12 MB", next: (at) => state({ epoch: "e".repeat(LONG) + at }) },
    { what: "the same state", next: () => state({ revision: 5n }) },
    { what: "another revision", next: (at) => state(revision(at)) },
    { what: "a lower revision", next: (at) => state({ revision: BigInt(2 ** 40 - at) }) },
    { what: "another epoch", next: (at) => state({ epoch: `epoch-${at}` }) },
    {
      what: "a state without what it must have",
      next: (at) => state({ ...revision(at), trustBundle: { trustDomain: `${at}!` } }),
    },
    { what: "bytes that are no message", next: () => randomBytes(300) },
    { what: "nothing", next: () => new Uint8Array() },
    {
      what: "acknowledgements of what nobody sent",
      next: () =>
        AttachResponse.encode({
          message: {
            $case: "recordsAck",
            value: { bootId: randomBytes(200).toString("hex"), upToSequence: 2n ** 64n - 1n },
          },
        }).finish(),
    },
    {
      what: "fields that nobody knows",
      next: (at) => Buffer.concat([state({ revision: 5n }), ...many(at % 7, () => UNKNOWN_FIELD)]),
    },
    {
      what: "ends of time",
      next: (at) =>
        state({
          ...revision(at),
          heartbeat: { seconds: -LATEST, nanos: -1 },
          debugGrants: [{ grantId: `g${at}`, idleLimit: { seconds: LATEST, nanos: 0 } }],
          drain: { reason: "x", grace: { seconds: LATEST, nanos: 0 } },
        }),
    },
    {
      what: "ids that come twice",
      next: (at) =>
        state({
          ...revision(at),
          debugGrants: many(GRANTS, () => ({ grantId: "twice" })),
          diagnosticsRequests: many(GRANTS, () => ({ requestId: "twice", expiresAt: soon() })),
          closedBuilds: many(GRANTS, () => ({ buildId: "twice", reason: 1 })),
        }),
    },
    {
      what: "requests for diagnostics",
      next: (at) =>
        state({
          ...revision(at),
          diagnosticsRequests: many(GRANTS, (index) => ({ requestId: `r-${at}-${index}`, expiresAt: soon() })),
        }),
    },
    {
      what: "another tailnet",
      next: (at) =>
        state({
          ...revision(at),
          tailnet: {
            grantId: `t${at}`,
            coordinationUrl: `http://u:password-${at}@127.0.0.1:1/`,
            credential: { $case: "authKey", value: `key-${at}-of-a-tailnet` },
          },
        }),
    },
    {
      what: "another cache",
      next: (at) =>
        state({
          ...revision(at),
          cacheVolume: { volumeId: `v${at}`, device: `/dev/x${at}`, key: { $case: "rawKey", value: randomBytes(64) } },
        }),
    },
    {
      what: "other settings of BuildKit",
      next: (at) =>
        state({
          ...revision(at),
          buildkit: { maxParallelism: at % 50, registryMirrors: { [`r${at}.example`]: { mirrors: ["m.example"] } } },
        }),
    },
    {
      what: "another receiver of traces",
      next: (at) =>
        state({
          ...revision(at),
          traceExport: { otlpEndpoint: `https://127.0.0.1:${(at % 60_000) + 1}/`, headers: { a: `header-${at}` } },
        }),
    },
    {
      what: "other ways out",
      next: (at) =>
        state({
          ...revision(at),
          egress: { allowedCidrs: many(1_000, (index) => `20.${at % 200}.${index % 250}.0/24`) },
        }),
    },
    {
      isDear: true,
      what: "builds that are closed",
      next: (at) =>
        state({ ...revision(at), closedBuilds: many(CLOSED, (index) => ({ buildId: `c${at}-${index}`, reason: 1 })) }),
    },
    { isDear: true, what: "eight million grants", next: () => repeated(11, LONG) },
    {
      isDear: true,
      what: "a volume's id of 12 MB",
      next: (at) => state({ ...revision(at), cacheVolume: { volumeId: "v".repeat(LONG) } }),
    },
    {
      isDear: true,
      what: "a tag of 12 MB",
      next: (at) => state({ ...revision(at), tailnet: { grantId: "t", tags: ["x".repeat(LONG)] } }),
    },
    {
      isDear: true,
      what: "a word of 12 MB",
      next: (at) => state({ ...revision(at), debugGrants: [{ grantId: "g", command: ["x".repeat(LONG)] }] }),
    },
    { isDear: true, what: "more than a message may be", next: () => Buffer.alloc(17 * 1024 * 1024, 0x0a) },
  ];
}
