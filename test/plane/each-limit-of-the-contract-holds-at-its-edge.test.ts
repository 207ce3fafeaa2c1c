import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { BinaryReader } from "@bufbuild/protobuf/wire";
import { beforeAll, expect, it } from "vitest";
import { PROPOSAL_MAX_BYTES } from "../../agent/adapters/buildkit/proposal.ts";
import { toToml } from "../../agent/adapters/buildkit/toml.ts";
import { joinTokenEvidence } from "../../agent/adapters/evidence/join-token-evidence.ts";
import { AttachResponse } from "../../agent/adapters/grpc/gen/builder/agent/v1/builder_agent.ts";
import { BuildPermission, type TraceExport } from "../../agent/adapters/grpc/gen/builder/agent/v1/desired_state.ts";
import { BUILDKIT, LAUNCHER } from "../../agent/adapters/launcher/protocol.ts";
import { orderFromLine, orderToLine } from "../../agent/adapters/link/order-wire.ts";
import { LINK } from "../../agent/adapters/link/values.ts";
import { buildkitConfig } from "../../agent/core/buildkit-config.ts";
import { composeAllowSet } from "../../agent/core/compose-allow-set.ts";
import { CONTRACT_LIMITS as LIMITS } from "../../agent/core/contract-limits.ts";
import { requestLine } from "../../agent/wire/protocol.ts";
import { EmbeddedControlPlane } from "../../sandbox/control-plane/embedded-control-plane.ts";
import { CertificateAuthority } from "../../sandbox/pki/certificate-authority.ts";
import { PLACES } from "../buildkit/settings.ts";
import { type DesiredChanges, desiredProto, received } from "./desired-sample.ts";
import { APP, dial, HELLO, isDesired, join, next } from "./member.ts";
import { TokenFile } from "./token-file.ts";

let ca: string;
beforeAll(async () => {
  ca = (await CertificateAuthority.create({ name: "builds" })).certPem;
});

const many = <T>(count: number, make: (at: number) => T): T[] => Array.from({ length: count }, (_, at) => make(at));
/** As long as an id may be. */
const longId = (at: number): string => String(at).padStart(128, "b");
const longHost = (at: number, length: number = LIMITS.hostCharacters): string => String(at).padStart(length, "h");
const openBuild = (at: number) => ({ buildId: longId(at), orgId: "acme", projectId: "app", expiresAt: new Date(0) });
const mirrors = (count: number): DesiredChanges => ({
  buildkit: { registryMirrors: { "r.example": { mirrors: many(count, longHost) } } },
});
const cas = (buildCaCertificates: string): DesiredChanges => ({
  trustBundle: { trustDomain: "builds.example", buildCaCertificates },
});

const traces = (over: Partial<TraceExport>): DesiredChanges => ({
  traceExport: { otlpEndpoint: "https://c.example", headers: {}, caCertificates: "", sessionPercent: 0, ...over },
});

/** What has no limit of its own. */
const text = (field: string, having: (text: string) => DesiredChanges): Row => ({
  field,
  of: "characters",
  limit: LIMITS.textCharacters,
  having: (count) => having("t".repeat(count)),
});

interface Row {
  readonly field: string;
  readonly of?: string;
  readonly limit: number;
  readonly having: (count: number) => DesiredChanges;
}

const ROWS: readonly Row[] = [
  { field: "open_builds", limit: LIMITS.openBuilds, having: (count) => ({ openBuilds: many(count, openBuild) }) },
  {
    field: "closed_builds",
    limit: LIMITS.closedBuilds,
    having: (count) => ({ closedBuilds: many(count, (at) => ({ buildId: longId(at), reason: 1 })) }),
  },
  {
    field: "trust_bundle.build_ca_certificates",
    of: "certificates",
    limit: LIMITS.buildCas,
    having: (count) => cas(ca.repeat(count)),
  },
  {
    field: "trust_bundle.build_ca_certificates",
    of: "bytes",
    limit: LIMITS.buildCasBytes,
    having: (count) => cas(ca.padEnd(count, "#")),
  },
  {
    field: "egress.allowed_cidrs",
    limit: LIMITS.allowedCidrs,
    having: (count) => ({ egress: { allowedCidrs: many(count, (at) => `20.${at >> 8}.${at & 255}.0/24`) } }),
  },
  {
    field: "buildkit.registry_mirrors",
    of: "registries",
    limit: LIMITS.registries,
    having: (count) => ({
      buildkit: { registryMirrors: Object.fromEntries(many(count, (at) => [longHost(at), { mirrors: [] }])) },
    }),
  },
  {
    field: 'buildkit.registry_mirrors["r.example"]',
    of: "mirrors",
    limit: LIMITS.mirrorsPerRegistry,
    having: mirrors,
  },
  {
    field: 'buildkit.registry_mirrors["r.example"]',
    of: "characters in a host",
    limit: LIMITS.hostCharacters,
    having: (count) => ({ buildkit: { registryMirrors: { "r.example": { mirrors: [longHost(0, count)] } } } }),
  },
  {
    field: "tailnet.tags",
    limit: LIMITS.tailnetTags,
    having: (count) => ({ tailnet: { grantId: "g", tags: many(count, (at) => `tag:t${at}`) } }),
  },
  {
    field: "cache_volume.kms.encryption_context",
    limit: LIMITS.encryptionContextEntries,
    having: (count) => ({
      cacheVolume: {
        volumeId: "v",
        key: {
          $case: "kms",
          value: { encryptionContext: Object.fromEntries(many(count, (at) => [`k${at}`, "v"])) },
        },
      },
    }),
  },
  {
    field: "debug_grants",
    limit: LIMITS.debugGrants,
    having: (count) => ({ debugGrants: many(count, (at) => ({ grantId: `g${at}` })) }),
  },
  {
    field: "diagnostics_requests",
    limit: LIMITS.diagnosticsRequests,
    having: (count) => ({ diagnosticsRequests: many(count, (at) => ({ requestId: `r${at}` })) }),
  },
  {
    field: "trace_export.headers",
    limit: LIMITS.traceHeaders,
    having: (count) => traces({ headers: Object.fromEntries(many(count, (at) => [`x-${at}`, "v"])) }),
  },
  {
    field: "trace_export.headers",
    of: "characters in one",
    limit: LIMITS.traceHeaderCharacters,
    having: (count) => traces({ headers: { x: "v".repeat(count - 1) } }),
  },
  {
    field: "trace_export.otlp_endpoint",
    of: "characters",
    limit: LIMITS.traceEndpointCharacters,
    having: (count) => traces({ otlpEndpoint: "https://c.example/".padEnd(count, "p") }),
  },
  {
    field: "trace_export.ca_certificates",
    of: "bytes",
    limit: LIMITS.traceCaBytes,
    having: (count) => traces({ caCertificates: "c".repeat(count) }),
  },
  text("epoch", (epoch) => ({ epoch })),
  text("drain.reason", (reason) => ({ drain: { reason } })),
  text("cache_volume.volume_id", (volumeId) => ({ cacheVolume: { volumeId } })),
  text("egress.allowed_cidrs[0]", (cidr) => ({ egress: { allowedCidrs: [cidr] } })),
  text("tailnet.tags[1]", (tag) => ({ tailnet: { grantId: "g", tags: ["tag:a", tag] } })),
  text("tailnet.auth_key", (value) => ({ tailnet: { grantId: "g", credential: { $case: "authKey", value } } })),
  text("debug_grants[0].grant_id", (grantId) => ({ debugGrants: [{ grantId }] })),
  text("diagnostics_requests[0].request_id", (requestId) => ({ diagnosticsRequests: [{ requestId }] })),
  {
    field: "cache_volume.raw_key",
    of: "bytes",
    limit: LIMITS.textCharacters,
    having: (count) => ({ cacheVolume: { volumeId: "v", key: { $case: "rawKey", value: new Uint8Array(count) } } }),
  },
];

it.each(ROWS)("$limit is the limit of $field, and one more is refused", ({ field, of = "entries", limit, having }) => {
  expect(received(desiredProto(ca, having(limit)))).toMatchObject({ is: "desired" });
  expect(received(desiredProto(ca, having(limit + 1)))).toEqual({
    is: "malformed",
    revision: 7n,
    because: `Revision 7: ${field} has ${limit + 1} ${of}, more than the limit of ${limit}`,
  });
});

it.each(["../../docs/control-plane.md", "../../proto/builder/agent/v1/desired_state.proto"])(
  "all of them are told in %s",
  async (file) => {
    const text = await readFile(fileURLToPath(new URL(file, import.meta.url)), "utf8");
    const told = new Set(text.replaceAll(/(?<=\d),(?=\d)/g, "").match(/\d+/g));
    expect(Object.values(LIMITS).filter((limit) => !told.has(String(limit)))).toEqual([]);
  },
);

/** A state that has as much of everything as it may, with the longest names. */
function fullest(): DesiredChanges {
  const long = Object.assign({}, ...ROWS.map(({ having, limit }) => having(limit))) as DesiredChanges;
  const registry = (at: number) => [longHost(at), { mirrors: many(LIMITS.mirrorsPerRegistry, longHost) }] as const;
  const allowed = [BuildPermission.BUILD, BuildPermission.DISK_USAGE, BuildPermission.PRUNE];
  return {
    ...long,
    openBuilds: many(LIMITS.openBuilds, (at) => ({
      ...openBuild(at),
      keySpkiSha256: Buffer.alloc(32, 0xab),
      permissions: { allowed },
    })),
    egress: {
      allowedCidrs: many(
        LIMITS.allowedCidrs,
        (at) => `2001:db8:${(at + 0x1000).toString(16)}:ffff:ffff:ffff:ffff:ffff/128`,
      ),
    },
    buildkit: { registryMirrors: Object.fromEntries(many(LIMITS.registries, registry)) },
  };
}

it("the largest state is understood, and is carried by each of the agent's own sockets", () => {
  const message = received(desiredProto(ca, fullest()));
  if (message?.is !== "desired") throw new Error(JSON.stringify(message));
  const { state } = message;
  const now = { wallMs: 0, monoMs: 0 };
  const nobody = { at: "none" } as const;
  const allowSet = composeAllowSet(state, now, { at: "open" }, nobody);
  const order = orderToLine({ is: "allow", allowSet });
  expect(order.length).toBeLessThan(LINK.lineMaxBytes);
  expect(orderFromLine(order.trimEnd())).toEqual({ is: "allow", allowSet });
  const { config } = buildkitConfig(state.buildkit, 2 ** 40, PLACES);
  expect(toToml(config).length).toBeLessThan(PROPOSAL_MAX_BYTES);
  expect(requestLine(BUILDKIT.configure, { toml: toToml(config) }).length).toBeLessThan(LAUNCHER.lineMaxBytes);
});

it("the largest state arrives whole over the stream", async () => {
  await using plane = await EmbeddedControlPlane.listen({ heartbeatMs: 60_000 });
  await using client = dial(plane);
  await using token = await TokenFile.holding(plane.issueJoinToken(APP));
  const identity = await join(client, joinTokenEvidence({ tokenFile: token.path }));
  const stop = new AbortController();
  try {
    const messages = client.attach(identity, HELLO, stop.signal).incoming[Symbol.asyncIterator]();
    await next(messages, isDesired);
    const value = desiredProto(ca, fullest());
    const bytes = AttachResponse.encode({ message: { $case: "desired", value } }).finish();
    expect(bytes.length).toBeLessThan(LIMITS.messageBytes / 2);
    expect(numbersIn(bytes)).toBeLessThan(LIMITS.messageNumbers / 2);
    plane.sendRaw(bytes);
    expect((await next(messages, isDesired)).state.grants.size).toBe(LIMITS.openBuilds);
  } finally {
    stop.abort();
  }
});

/** As the agent's reader counts them: each tag, each length, each number of 32 bits. */
function numbersIn(bytes: Uint8Array): number {
  let numbers = 0;
  const reader = new BinaryReader(bytes);
  const { uint32 } = reader;
  reader.uint32 = () => {
    numbers += 1;
    return uint32.call(reader);
  };
  AttachResponse.decode(reader);
  return numbers;
}
