import { BinaryWriter } from "@bufbuild/protobuf/wire";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { joinTokenEvidence } from "../../agent/adapters/evidence/join-token-evidence.ts";
import { AttachResponse } from "../../agent/adapters/grpc/gen/builder/agent/v1/builder_agent.ts";
import type { ControlPlane, FromPlane, PlaneStream } from "../../agent/ports/control-plane.ts";
import type { MachineIdentity } from "../../agent/ports/keys.ts";
import { EmbeddedControlPlane } from "../../sandbox/control-plane/embedded-control-plane.ts";
import type { Machine } from "../../sandbox/control-plane/machine.ts";
import { CollectedLog } from "../keys/collected-log.ts";
import { desiredProto } from "./desired-sample.ts";
import { APP, dial, HELLO, isDesired, isMalformed, join, next } from "./member.ts";
import { TokenFile } from "./token-file.ts";

let plane: EmbeddedControlPlane;
let client: ControlPlane & AsyncDisposable;
let identity: MachineIdentity;
const log = new CollectedLog();
const unknownFields: number[] = [];

beforeAll(async () => {
  plane = await EmbeddedControlPlane.listen({ heartbeatMs: 60_000 });
  client = dial(plane, { log, meters: { unknownFields: (count) => unknownFields.push(count) } });
  await using token = await TokenFile.holding(plane.issueJoinToken(APP));
  identity = await join(client, joinTokenEvidence({ tokenFile: token.path }));
});
afterAll(async () => {
  await client[Symbol.asyncDispose]();
  await plane[Symbol.asyncDispose]();
});

let stop: AbortController;
let stream: PlaneStream;
let messages: AsyncIterator<FromPlane>;
beforeEach(() => {
  stop = new AbortController();
  stream = client.attach(identity, { ...HELLO, lastAppliedRevision: 5n }, stop.signal);
  messages = stream.incoming[Symbol.asyncIterator]();
});
afterEach(() => stop.abort());

function machine(): Machine {
  const [only] = plane.machines();
  if (only === undefined) throw new Error("no machine");
  return only;
}

describe("the stream", () => {
  it("begins with Hello, and brings the whole desired state at once and after each change", async () => {
    const { state } = await next(messages, isDesired);
    expect(machine().hello).toMatchObject({ ...HELLO, lastAppliedRevision: 5n });
    expect(state.assignment).toEqual({ orgId: APP.org, projectId: APP.project, architecture: "amd64" });
    expect(state.trust.trustDomain).toBe(plane.trustDomain);
    const { buildId } = await plane.openBuild({ ...APP, wait: false });
    const after = await next(messages, isDesired);
    expect([...after.state.grants.keys()]).toEqual([buildId]);
    expect(after.state.revision).toBe(state.revision + 1n);
    plane.revokeBuild(buildId);
    expect((await next(messages, isDesired)).state.closed).toEqual(new Map([[buildId, "revoked"]]));
  });

  it("reports state and records, and brings the acknowledgement", async () => {
    await next(messages, isDesired);
    await stream.send({
      is: "observed",
      state: {
        observedAtMs: Date.now(),
        head: {},
        troubles: [],
        phase: { at: "ready" },
        appliedRevision: 9n,
        appliedEpoch: "e",
        builds: new Map(),
        refusedBuilds: [],
        checks: [],
        bootChapters: [],
        buildkit: { version: "v", restarts: 0, lastExit: "", quarantined: "" },
        certificates: { lastRenewalError: "" },
        counters: { sessionsAccepted: 0, sessionsRefused: 0, messagesRefused: 0 },
        loops: [],
      },
    });
    await plane.until(() => machine().observed?.appliedRevision === 9n);
    const summary = {
      sessionId: "s",
      build: { orgId: APP.org, projectId: APP.project, buildId: "b" },
      peer: "127.0.0.1:1",
      certificateSerial: "01",
      keySpkiSha256: "ab".repeat(32),
      openedAtMs: Date.now(),
      durationMs: 1,
      bytesFromClient: 2,
      bytesToClient: 3,
      ending: "client-closed",
      detail: "",
    } as const;
    const records = [
      { sequence: 1n, summary },
      { sequence: 2n, summary },
    ];
    await stream.send({ is: "records", bootId: HELLO.bootId, records });
    const ack = await next(messages, (message) => message.is === "records-ack");
    expect(ack).toMatchObject({ is: "records-ack", bootId: HELLO.bootId, upToSequence: 2n });
    expect(plane.records().map(({ sequence }) => sequence)).toEqual([1n, 2n]);
  });

  const broken: readonly [string, () => Uint8Array, bigint, RegExp][] = [
    ["bytes that are no protobuf", () => Buffer.from([0x0a, 0xff, 0xff]), 0n, /not a readable AttachResponse/],
    [
      "a state without an assignment",
      () =>
        AttachResponse.encode({
          message: {
            $case: "desired",
            value: desiredProto(plane.authorities.builds.certPem, { assignment: undefined }),
          },
        }).finish(),
      7n,
      /Revision 7: assignment is missing/,
    ],
  ];
  it.each(broken)("survives %s, and hands on the next good state", async (_name, bytes, revision, because) => {
    await next(messages, isDesired);
    plane.sendRaw(bytes());
    const refused = await next(messages, isMalformed);
    expect(refused.revision).toBe(revision);
    expect(refused.because).toMatch(because);
    plane.wish(APP, {});
    expect((await next(messages, isDesired)).state.assignment.orgId).toBe(APP.org);
  });

  it("passes over what a newer control plane adds, counts it, and logs it once while it repeats", async () => {
    await next(messages, isDesired);
    const value = desiredProto(plane.authorities.builds.certPem);
    const newer = AttachResponse.encode({ message: { $case: "desired", value } });
    const bytes = newer
      .uint32((99 << 3) | 2)
      .string("new")
      .finish();
    plane.sendRaw(
      new BinaryWriter()
        .uint32((98 << 3) | 2)
        .string("a kind of message to come")
        .finish(),
    );
    plane.sendRaw(bytes);
    plane.sendRaw(bytes);
    expect((await next(messages, isDesired)).state.revision).toBe(7n);
    expect((await next(messages, isDesired)).state.revision).toBe(7n);
    expect(unknownFields).toEqual([1, 1, 1]);
    expect(log.lines).toEqual([{ level: "info", event: "control-plane.newer-contract", data: { unknownFields: 1 } }]);
  });

  it("names what this agent cannot do", async () => {
    await next(messages, isDesired);
    plane.wish(APP, { egress: { allowedCidrs: [], allowPrivateRanges: true } });
    expect((await next(messages, isDesired)).state.asksFor).toEqual(["egress"]);
    plane.wish(APP, { egress: undefined });
  });
});
