import { BUILDKIT, LAUNCHER, TAILNET } from "../../../agent/adapters/launcher/protocol.ts";
import { NewsReader } from "../../../agent/adapters/link/news-reader.ts";
import { orderFromLine } from "../../../agent/adapters/link/order-wire.ts";
import { APPLY, NETWORK, VERIFY } from "../../../agent/adapters/network/protocol.ts";
import { readConfigurationList } from "../../../agent/adapters/network-probe/cni.ts";
import { readPlan } from "../../../agent/adapters/network-probe/protocol.ts";
import { readWord } from "../../../agent/adapters/network-probe/read-word.ts";
import { DRAIN, HEALTH, MARK, OPERATORS, RECONNECT } from "../../../agent/adapters/operators/protocol.ts";
import { FromTerminalProcess, TERMINAL, ToTerminalProcess } from "../../../agent/adapters/terminal/protocol.ts";
import { OPEN, orderFromWire, VOLUME } from "../../../agent/adapters/volume/protocol.ts";
import { acceptedUid, uidOf } from "../../../agent/core/accepted-peer.ts";
import { AgentError } from "../../../agent/core/errors.ts";
import { Lines } from "../../../agent/wire/lines.ts";
import {
  type Protocol,
  readFields,
  readHead,
  readMessage,
  readReply,
  type Verb,
} from "../../../agent/wire/protocol.ts";
import { ofBytes, ofText, type Parser } from "../parser.ts";

const SHA = "ab".repeat(32);
const BUILD = { orgId: "acme", projectId: "app", buildId: "b-1" };
const OPENING = {
  sessionId: "s.1",
  build: BUILD,
  peer: "192.0.2.1:5",
  certificateSerial: "0A",
  keySpkiSha256: SHA,
  openedAtMs: 1,
};
const SUMMARY = {
  ...OPENING,
  durationMs: 1,
  bytesFromClient: 1,
  bytesToClient: 1,
  ending: "client-closed",
  detail: "",
};
const REQUEST = { der: "AAAA", spkiSha256: SHA };
const NETWORK_ORDER = {
  tailnet: "open",
  searchDomains: ["a.example"],
  egress: { allowedCidrs: ["10.0.0.0/8"], allowPrivateRanges: false },
  mirrors: [{ address: "10.0.0.1", port: 5 }],
  avoid: [],
  mayMove: true,
};

/** A socket's server reads any of these; the asker reads any answer. */
function requests(
  protocol: Protocol,
  at: string,
  verbs: readonly Verb<never, never, never>[],
  asked: readonly object[],
  answered: readonly object[],
): readonly Parser[] {
  const mostBytes = Math.min(protocol.lineMaxBytes, 1024 * 1024);
  return [
    ofText(
      {
        name: `a request to ${protocol.answerer}`,
        at: [at, "agent/wire/protocol.ts", "agent/wire/shape.ts"],
        samples: asked,
        mostBytes,
      },
      (line) => {
        const { name, fields } = readHead(protocol, line);
        const found = verbs.find((verb) => verb.name === name) ?? verbs[0];
        return found && readFields(found, fields);
      },
    ),
    ofText(
      {
        name: `an answer of ${protocol.answerer}`,
        at,
        samples: [...answered, { version: 1, is: "failed", code: "a.b", message: "m", retryable: true }],
        mostBytes,
      },
      (line) => {
        const outcomes = verbs.map((verb) => outcomeOf(() => readReply(verb, line)));
        const read = outcomes.find(({ failure }) => failure === undefined);
        if (read === undefined) throw outcomes[0]?.failure;
        return read;
      },
    ),
  ];
}

function outcomeOf(read: () => unknown): { readonly failure?: unknown } {
  try {
    read();
    return {};
  } catch (failure) {
    if (!(failure instanceof AgentError)) throw failure;
    return { failure };
  }
}

/** What other processes of this machine say: one of them may be broken into. */
export const fromOurSockets: readonly Parser[] = [
  ofText(
    {
      name: "what a gateway tells",
      at: ["agent/adapters/link/news-reader.ts", "agent/adapters/link/values.ts"],
      mostBytes: 1024 * 1024,
      samples: [
        { v: 1, is: "hello", runId: "r", request: REQUEST, applied: { revision: "7", epoch: "e" }, open: [OPENING] },
        { v: 1, is: "hello-closed", closed: [SUMMARY, SUMMARY] },
        { v: 1, is: "closed", summary: SUMMARY },
        { v: 1, is: "applied", revision: "7", epoch: "e" },
        {
          v: 1,
          is: "stats",
          stats: {
            listening: true,
            accepted: 1,
            refused: { a: 1 },
            pendingHandshakes: 0,
            openSessions: 1,
            bytesFromClients: 1,
            bytesToClients: 1,
            residentBytes: 1,
            eventLoopDelayP99Ms: 1.5,
            recordsDropped: 0,
            linkFaults: 0,
            copiedSessions: 0,
            progress: [["s.1", 1, 2]],
          },
        },
      ],
    },
    (line) => new NewsReader().read(line),
  ),
  ofText(
    {
      name: "what control orders of the gateway",
      at: "agent/adapters/link/order-wire.ts",
      mostBytes: 1024 * 1024,
      samples: [
        {
          v: 1,
          is: "allow",
          allowSet: {
            revision: "7",
            epoch: "e",
            trustDomain: "builds.example",
            buildCas: ["pem"],
            grants: [{ ...BUILD, expiresAtMs: 1, keySpkiSha256: SHA }],
            closed: [["b-2", "ended"]],
            admission: { at: "open" },
            confirmedAt: { wallMs: 1, monoMs: 1 },
          },
        },
        { v: 1, is: "acknowledge", sessionIds: ["s.1"] },
        { v: 1, is: "certify", keySpkiSha256: SHA, chainPem: "pem" },
      ],
    },
    orderFromLine,
  ),
  ...requests(
    LAUNCHER,
    "agent/adapters/launcher/protocol.ts",
    [BUILDKIT.configure, BUILDKIT.stop, BUILDKIT.watch, TAILNET.show] as never,
    [
      { version: 1, verb: "buildkit.configure", toml: "a = 1" },
      { version: 1, verb: "buildkit.stop", graceMs: 5 },
    ],
    [
      { version: 1, is: "status", status: { at: "exited", exit: { code: 1, lastLines: ["a"] } } },
      { version: 1, is: "unit", at: "active", result: "success" },
    ],
  ),
  ...requests(
    NETWORK,
    "agent/adapters/network/protocol.ts",
    [APPLY, VERIFY] as never,
    [
      { version: 1, verb: "apply", order: NETWORK_ORDER },
      { version: 1, verb: "verify" },
    ],
    [
      {
        version: 1,
        is: "verified",
        report: {
          verifiedAtMs: 1,
          tookMs: 1,
          generation: "g",
          findings: [{ what: "a", target: "b", expected: "refused", got: "silent", ok: true, detail: "" }],
        },
      },
    ],
  ),
  ...requests(
    OPERATORS,
    "agent/adapters/operators/protocol.ts",
    [DRAIN, RECONNECT, HEALTH, MARK] as never,
    [
      { version: 1, verb: "drain", graceMs: 5, hurry: false, reason: "me", watch: true },
      { version: 1, verb: "mark", marker: "BUG-20310203T040506Z-0123456789abcdef" },
    ],
    [
      {
        version: 1,
        is: "progress",
        progress: {
          at: "draining",
          reason: "r",
          leftMs: 1,
          open: { sessions: 1, builds: 1, named: [{ buildId: "b", sessions: 1 }] },
        },
      },
      { version: 1, is: "health", report: { a: { b: [1] } } },
    ],
  ),
  ...requests(
    VOLUME,
    "agent/adapters/volume/protocol.ts",
    [OPEN] as never,
    [
      {
        version: 1,
        verb: "open",
        owner: { orgId: "acme", projectId: "app", architecture: "amd64" },
        volumeId: "v",
        device: "/dev/disk/by-id/x",
        filesystem: "ext4",
        key: { kind: "given", keyBase64: "AAAA" },
      },
    ],
    [{ version: 1, is: "step", name: "a", tookMs: 1 }],
  ),
  ofText(
    {
      name: "an order for the volume, as root takes it",
      at: "agent/adapters/volume/protocol.ts",
      samples: [
        {
          version: 1,
          verb: "open",
          owner: { orgId: "acme", projectId: "app", architecture: "amd64" },
          volumeId: "v",
          device: "udev:A=b",
          filesystem: "ext4",
          key: { kind: "given", keyBase64: "AAAA" },
        },
      ],
    },
    (line) => orderFromWire(readFields(OPEN, readHead(VOLUME, line).fields)),
  ),
  ofText(
    {
      name: "what control says to a terminal",
      at: "agent/adapters/terminal/protocol.ts",
      mostBytes: TERMINAL.lineMaxBytes,
      samples: [
        { v: 1, is: "open", command: ["sh"], runAs: "root", columns: 80, rows: 24 },
        { v: 1, is: "input", data: "AAAA" },
      ],
    },
    (line) => readMessage(TERMINAL, ToTerminalProcess, line),
  ),
  ofText(
    {
      name: "what a terminal's process says",
      at: "agent/adapters/terminal/protocol.ts",
      mostBytes: TERMINAL.lineMaxBytes,
      samples: [
        { v: 1, is: "hello", pid: 5, instance: "0-1-0" },
        { v: 1, is: "output", data: "AAAA" },
        { v: 1, is: "exited", exitCode: 0, signal: "" },
      ],
    },
    (line) => readMessage(TERMINAL, FromTerminalProcess, line),
  ),
  ofBytes(
    {
      name: "bytes of a socket as lines",
      at: "agent/wire/lines.ts",
      samples: ['{"a":1}\n{"b":2}\n', "\n\n"],
      mostBytes: 1024 * 1024,
      isRefusal: (failure) => failure instanceof RangeError && /exceeds/.test(failure.message),
    },
    (bytes) => {
      const lines = new Lines(32 * 1024);
      for (let at = 0; at < bytes.length; at += 1_000)
        for (const line of lines.push(bytes.subarray(at, at + 1_000))) line.trim();
    },
  ),
  ofText(
    {
      name: "who is at a socket's other end",
      at: "agent/core/accepted-peer.ts",
      samples: ["0-1234-0", "17-1234_5678-998"],
    },
    (text) => {
      acceptedUid(text);
      return uidOf("builder-control", `${text}\nbuilder-control:x:998:998::/:/bin/false`);
    },
  ),
  ofText(
    {
      name: "a probe's plan",
      at: "agent/adapters/network-probe/protocol.ts",
      samples: [{ listen: ["::1"], tries: [], nameservers: [] }],
    },
    readPlan,
  ),
  ofText(
    {
      name: "a probe's findings",
      at: "agent/adapters/network-probe/read-word.ts",
      samples: [
        { is: "heard", heard: { via: "tcp", address: "::1", port: 1 } },
        { is: "done", listening: [null, { tcpPort: 1, udpPort: 2 }], outcomes: [{ is: "silent" }] },
      ],
    },
    readWord,
  ),
  ofText(
    {
      name: "a list of CNI's",
      at: "agent/adapters/network-probe/cni.ts",
      samples: [{ cniVersion: "1", name: "n", plugins: [{ type: "ptp", ipam: {} }] }],
    },
    (text) => readConfigurationList(text, "file"),
  ),
];
