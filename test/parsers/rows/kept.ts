import { crc32 } from "node:zlib";
import { assignmentFile } from "../../../agent/adapters/assignment/assignment-file.ts";
import { answeredRequests } from "../../../agent/adapters/bundle/answered-requests.ts";
import { KeptDigests } from "../../../agent/adapters/bundle/kept-digests.ts";
import { endOrderFile } from "../../../agent/adapters/end-orders/end-order-file.ts";
import { decodeIdentity } from "../../../agent/adapters/keys/identity-file.ts";
import { countStart } from "../../../agent/adapters/machine/count-start.ts";
import { readState } from "../../../agent/adapters/network/state-file.ts";
import { decodeLine, encodeLine } from "../../../agent/adapters/records/journal-line.ts";
import { MembershipMemory } from "../../../agent/adapters/tailscale/membership-memory.ts";
import { usedGrants } from "../../../agent/adapters/terminal/used-grants.ts";
import { readHeaders } from "../../../agent/adapters/traces/headers-file.ts";
import { lastEnd } from "../../../agent/adapters/troubles/last-end.ts";
import { troubleFile } from "../../../agent/adapters/troubles/trouble-file.ts";
import { intentFile, openFile } from "../../../agent/adapters/volume/state-files.ts";
import { readStatus } from "../../../agent/cli/ask-status.ts";
import { durationMs } from "../../../agent/cli/config/duration.ts";
import { fromFile } from "../../../agent/cli/config/from-file.ts";
import { fromEnvironment, fromFlags } from "../../../agent/cli/config/from-text.ts";
import { parseHostPort } from "../../../agent/cli/config/host-port.ts";
import { judge } from "../../../agent/cli/config/judge.ts";
import { KEYS, SECTIONS } from "../../../agent/cli/config/keys.ts";
import type { Candidate, Problem } from "../../../agent/cli/config/problem.ts";
import { isProblem, parseToml } from "../../../agent/cli/config/toml-file.ts";
import { belatedEnd, isEndOfAsciicast } from "../../../agent/core/debug/asciicast.ts";
import { parseNat64Prefix } from "../../../agent/core/network/nat64.ts";
import { isExcepted, parseProxy } from "../../../agent/core/proxy.ts";
import { CollectedLog } from "../../keys/collected-log.ts";
import { ofBytes, ofText, type Parser } from "../parser.ts";
import { inFile } from "../samples.ts";

const OPENING = {
  sessionId: "s.1",
  build: { orgId: "a", projectId: "b", buildId: "c" },
  peer: "p",
  certificateSerial: "0A",
  keySpkiSha256: "ab",
  openedAtMs: 1,
};

/** What an operator writes, and what an earlier run, or a newer release, left on disk. */
export const keptAndConfigured: readonly Parser[] = [
  ofBytes(
    {
      name: "digests of secrets",
      at: "agent/adapters/bundle/kept-digests.ts",
      samples: [{ version: 1, key: "AAAA", secrets: [{ id: "a", digests: [[6, 1, 2, "m"]] }] }],
    },
    (bytes) => inFile(bytes, (file) => KeptDigests.open(file, 0o600, new CollectedLog())),
  ),
  ofBytes(
    {
      name: "the configuration's file",
      at: ["agent/cli/config/toml-file.ts", "agent/cli/config/from-file.ts", "agent/cli/config/judge.ts"],
      samples: ['[log]\nlevel = "info"\n[gateway]\nlisten = "0.0.0.0:8443"\n'],
      troubles: ["[", "a.", "a=[", "[log]\n"],
    },
    (bytes) => {
      const toml = parseToml("config.toml", bytes);
      if (isProblem(toml)) return toml;
      const { candidates, problems } = fromFile(toml);
      return [judged(candidates), problems];
    },
  ),
  ofText(
    {
      name: "environment and flags",
      at: ["agent/cli/config/from-text.ts", "agent/cli/config/kinds.ts"],
      samples: ["0.0.0.0:8443", "info", "5 min", "/run/a", "https://user:a@plane.example:443", "none", "64:ff9b::/96"],
    },
    (value) => {
      const { candidates } = fromEnvironment(Object.fromEntries(KEYS.map(({ variable }) => [variable, value])));
      judged(fromFlags(Object.fromEntries(KEYS.map(({ flag }) => [flag, value]))).candidates);
      return judged(candidates);
    },
  ),
  ofText(
    {
      name: "a length of time",
      at: "agent/cli/config/duration.ts",
      samples: ["5 min", "1h 30s", "1.5s"],
      troubles: ["1", "1 ", "1s", "1.5 "],
    },
    durationMs,
  ),
  ofText(
    {
      name: "host and port",
      at: "agent/cli/config/host-port.ts",
      samples: ["[::1]:8443", "plane.example:443"],
      troubles: ["a.", ":", "[", "a-"],
    },
    parseHostPort,
  ),
  ofText(
    {
      name: "a proxy",
      at: "agent/core/proxy.ts",
      samples: ["http://user:word@proxy.example:3128", "10.0.0.0/8,.example,[::1]:5"],
      troubles: [",", "a.", "::", "http://"],
    },
    (text) => {
      isExcepted({ host: "plane.example", port: 443 }, text);
      return parseProxy(text);
    },
  ),
  ofText({ name: "a NAT64 prefix", at: "agent/core/network/nat64.ts", samples: ["64:ff9b::/96"] }, parseNat64Prefix),
  ofBytes(
    {
      name: "headers for traces",
      at: "agent/adapters/traces/headers-file.ts",
      samples: ["authorization: Bearer abc\nx-a: b\n"],
      troubles: ["a: b\n", "a:", "a: \n"],
    },
    (bytes) => inFile(bytes, readHeaders),
  ),
  ofText(
    {
      name: "the machine's identity",
      at: "agent/adapters/keys/identity-file.ts",
      samples: [
        {
          version: 1,
          bootId: "b",
          machineId: "m",
          keyPem: "pem",
          chainPem: "pem",
          trust: { trustDomain: "t", buildCas: ["pem"] },
        },
      ],
    },
    decodeIdentity,
  ),
  ofBytes(
    {
      name: "whose machine this is",
      at: "agent/adapters/assignment/assignment-file.ts",
      samples: [{ version: 1, bootId: "b", orgId: "a", projectId: "p", architecture: "amd64", debugGrantKey: "AAAA" }],
    },
    (bytes) => inFile(bytes, (file) => assignmentFile(file).load("b")),
  ),
  ofBytes(
    {
      name: "orders to end",
      at: "agent/adapters/end-orders/end-order-file.ts",
      samples: [
        {
          version: 1,
          bootId: "b",
          orders: [{ from: "operator", reason: "r", deadlineMonoMs: 1, hurry: true }],
          builds: ["build-1"],
        },
      ],
    },
    (bytes) => inFile(bytes, (file) => endOrderFile(file, new CollectedLog()).load("b")),
  ),
  ofBytes(
    { name: "starts in this boot", at: "agent/adapters/machine/count-start.ts", samples: [{ bootId: "b", starts: 5 }] },
    (bytes) => inFile(bytes, (file) => countStart(file, "b", new CollectedLog())),
  ),
  ofBytes(
    {
      name: "the builds' network",
      at: "agent/adapters/network/state-file.ts",
      samples: [
        {
          schemaVersion: 1,
          applied: { ipv4: "a", ipv6: "b", generation: "g", tailnet: "open", resolvers: [], collisions: [] },
          nameservers: [],
          guard: { script: "a", kernel: "b" },
        },
      ],
    },
    (bytes) => inFile(bytes, readState),
  ),
  ofBytes(
    {
      name: "a line of the journal of records",
      at: "agent/adapters/records/journal-line.ts",
      samples: [
        encodeLine({ is: "opened", bootId: "b", next: 2, runId: "r", opening: OPENING }).subarray(0, -1),
        encodeLine({ is: "closed-before", bootId: "b", next: 2, runs: [["r", [1, 5]]] } as never).subarray(0, -1),
      ],
      mostBytes: 1024 * 1024,
    },
    decodeLine,
  ),
  ofText(
    {
      name: "a journal's entry whose checksum is right",
      at: "agent/adapters/records/journal-line.ts",
      samples: [
        { is: "opened", bootId: "b", next: 2, runId: "r", opening: OPENING },
        { is: "recent", bootId: "b", next: 1, sessionIds: ["s.1"] },
      ],
    },
    (json) => decodeLine(Buffer.from(`${crc32(json).toString(16).padStart(8, "0")} ${json}`)),
  ),
  ofBytes(
    {
      name: "the tailnet that was joined",
      at: "agent/adapters/tailscale/membership-memory.ts",
      samples: [{ version: 1, grantId: "g", tags: ["t"], server: "s", nodeId: "n" }],
    },
    (bytes) => inFile(bytes, (file) => new MembershipMemory(file, new CollectedLog()).recall()),
  ),
  ofBytes(
    {
      name: "debug grants that were used",
      at: "agent/adapters/terminal/used-grants.ts",
      samples: [{ version: 1, used: ["g"] }],
    },
    (bytes) => inFile(bytes, (file) => usedGrants(file).has("g")),
  ),
  ofBytes(
    { name: "requests for a bundle", at: "agent/adapters/bundle/answered-requests.ts", samples: [["a", "b"]] },
    (bytes) => inFile(bytes, async (file) => (await answeredRequests(file, new CollectedLog())).has("a")),
  ),
  ofBytes(
    {
      name: "the last troubles",
      at: "agent/adapters/troubles/trouble-file.ts",
      samples: [
        {
          version: 1,
          bootId: "b",
          endedInOrder: true,
          troubles: [{ is: "process-ended", what: "w", message: "m", sinceMs: 1, times: 1, builds: [], moreBuilds: 0 }],
        },
      ],
    },
    (bytes) => inFile(bytes, (file) => troubleFile({ file, ends: {} as never, log: new CollectedLog() }).load("b")),
  ),
  ofBytes(
    { name: "how a process of ours ended", at: "agent/adapters/troubles/last-end.ts", samples: ["exited 1"] },
    (bytes) => inFile(bytes, (file) => lastEnd(file, 0)),
  ),
  ofBytes(
    {
      name: "a volume's formatting",
      at: ["agent/adapters/volume/state-files.ts", "agent/files/whole-file.ts"],
      samples: [{ version: 1, sizeBytes: 1, luksUuid: "u", found: "blank", beganMs: 1 }],
    },
    (bytes) => inFile(bytes, (file) => intentFile(file).read()),
  ),
  ofBytes(
    {
      name: "an open volume",
      at: "agent/adapters/volume/state-files.ts",
      samples: [
        {
          version: 1,
          bootId: "b",
          device: "d",
          luksUuid: "u",
          kind: "kept",
          owner: { orgId: "a", projectId: "b", architecture: "c" },
          volumeId: "v",
          filesystem: "ext4",
          openedMs: 1,
        },
      ],
    },
    (bytes) => inFile(bytes, (file) => openFile(file).read()),
  ),
  ofText(
    {
      name: "a recording's last line",
      at: "agent/core/debug/asciicast.ts",
      samples: ['[1.5,"o","a"]', '[2,"x","0"]'],
      mostBytes: 1024 * 1024,
    },
    (line) => {
      isEndOfAsciicast(line);
      return belatedEnd(line);
    },
  ),
  ofText(
    {
      name: "the agent's status, for the command",
      at: "agent/cli/ask-status.ts",
      samples: [{}],
      mostBytes: 256 * 1024,
    },
    (text) => {
      const status = jsonOf(text);
      return status === undefined || text === "{}" ? undefined : readStatus(status, "there");
    },
  ),
];

function judged(candidates: readonly Candidate[]): readonly Problem[] {
  return judge(new Map(candidates.map((candidate) => [candidate.key.path, candidate])), SECTIONS, "/credentials")
    .problems;
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
