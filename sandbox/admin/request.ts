import { z } from "zod";
import { ciJobRequest } from "../ci/ci-job-request.ts";
import { BUILD_PERMISSIONS } from "../control-plane/build-permissions.ts";
import { FAULT_NAMES } from "../metadata/fault-names.ts";
import { NOTICE_NAMES } from "../metadata/notice-names.ts";
import { SERVICE_NAMES } from "../metadata/service-names.ts";
import { diagnosticsRequest } from "./diagnostics.ts";
import { tracesRequest } from "./traces.ts";
import { ofTrusts } from "./trusts.ts";

const id = z.string().min(1);

export const buildOrder = z.object({
  verb: z.literal("build-open"),
  org: id,
  project: id,
  ttlMs: z.int().positive(),
  may: z.array(z.enum(BUILD_PERMISSIONS)).exactOptional(),
  contextGroup: id.exactOptional(),
});

/**
 * The same, with all that a shell needs for it and keys in memory. `untilHangUp`: the build ends
 * when whoever asked for it hangs up.
 */
export const lentOrder = buildOrder.extend({ verb: z.literal("build-lend"), untilHangUp: z.boolean() });

/** What may be asked about builds that are open: of a sandbox, and of a control plane alone. */
export const ofBuilds = [
  z.object({ verb: z.literal("build-outfit"), buildId: id }),
  z.object({ verb: z.literal("build-end"), buildId: id }),
  z.object({ verb: z.literal("build-revoke"), buildId: id }),
  z.object({ verb: z.literal("build-list") }),
] as const;

const cells = z.int().min(1).max(1_000);

/** What may be asked about debug terminals. */
const ofDebug = [
  z.object({
    verb: z.literal("debug-grant"),
    org: id,
    project: id,
    user: id,
    command: z.array(z.string()),
    root: z.boolean(),
    idleMs: z.int().positive().exactOptional(),
    totalMs: z.int().positive(),
  }),
  /** After the answer the connection is the terminal: debug-wire.ts. */
  z.object({ verb: z.literal("debug-attach"), grantId: id, user: id, columns: cells, rows: cells }),
  z.object({ verb: z.literal("debug-list"), org: id, project: id }),
  z.object({ verb: z.literal("debug-withdraw"), org: id, project: id, grantId: id }),
] as const;

/** What a running sandbox can be asked for: one JSON object, on a line of its own. */
export const adminRequest = z.discriminatedUnion("verb", [
  buildOrder,
  lentOrder,
  ...ofBuilds,
  ...ofTrusts,
  ciJobRequest,
  diagnosticsRequest,
  tracesRequest,
  z.object({ verb: z.literal("machine-network") }),
  z.object({
    verb: z.literal("tailnet-grant"),
    org: id,
    project: id,
    coordinationUrl: z.string(),
    apiUrl: z.string(),
    tags: z.array(z.string()),
    acceptRoutes: z.boolean(),
    required: z.boolean(),
    credential: z.discriminatedUnion("kind", [
      z.object({ kind: z.literal("auth-key"), authKey: z.string() }),
      z.object({ kind: z.literal("oauth-client"), clientId: z.string(), clientSecret: z.string() }),
    ]),
  }),
  z.object({ verb: z.literal("tailnet-withdraw"), org: id, project: id }),
  z.object({
    verb: z.literal("metadata-fault"),
    order: z.object({
      fault: z.union([z.enum(FAULT_NAMES), z.int().min(400).max(599)]),
      at: z.enum(SERVICE_NAMES).exactOptional(),
      path: z.string().exactOptional(),
      times: z.int().positive().exactOptional(),
      byMs: z.int().exactOptional(),
    }),
  }),
  z.object({
    verb: z.literal("metadata-notice"),
    order: z.object({
      notice: z.enum(["none", ...NOTICE_NAMES]),
      inMs: z.int().nonnegative().exactOptional(),
      resources: z.array(z.string()).exactOptional(),
    }),
  }),
  z.object({ verb: z.literal("metadata-list") }),
  z.object({ verb: z.literal("metadata-clear") }),
  z.object({ verb: z.literal("metadata-prove") }),
  ...ofDebug,
  z.object({ verb: z.literal("drain"), reason: z.string(), graceMs: z.int().nonnegative() }),
]);

export type AdminRequest = z.infer<typeof adminRequest>;

/** Its answer, likewise. */
export const adminAnswer = z.union([
  z.object({ ok: z.literal(true), result: z.unknown() }),
  // `refused`: every machine that could have done it says no, for now or for good.
  z.object({ ok: z.literal(false), error: z.string(), refused: z.literal(true).exactOptional() }),
]);

export type AdminAnswer = z.infer<typeof adminAnswer>;

/** What `build-open` gives, and `build open` prints. */
export const openedBuild = z.object({
  buildId: z.string(),
  caFile: z.string(),
  certFile: z.string(),
  keyFile: z.string(),
  serverName: z.string(),
  /** "tcp://127.0.0.1:1234" */
  endpoint: z.string(),
  expiresAt: z.string(),
});

export type OpenedBuildFiles = z.infer<typeof openedBuild>;

/** What `build-lend` and `build-outfit` give: what clients find in their environment. */
export const lentBuild = openedBuild.extend({
  variables: z.record(z.string(), z.string()),
  /** Goes in front of PATH: `buildctl` in there has the build's flags. */
  binDir: z.string(),
});

export type LentBuild = z.infer<typeof lentBuild>;

/** `appliedMs`: from the order to the agent's word that it is in force everywhere. */
export const closedBuild = z.object({ buildId: z.string(), appliedMs: z.number() });

export const listedBuilds = z.array(
  z.object({ buildId: z.string(), org: z.string(), project: z.string(), expiresAt: z.string() }),
);

/** A process that is in the network of the sandbox's machine. */
export const machineNetwork = z.object({ pid: z.int() });

/** `reason`: why it has not joined. `tookMs`: from the order to the machine's word. */
export const grantedTailnet = z.object({
  joined: z.boolean(),
  reason: z.string(),
  name: z.string(),
  nodeId: z.string(),
  addresses: z.array(z.string()),
  tookMs: z.number(),
});

export type GrantedTailnet = z.infer<typeof grantedTailnet>;

export const withdrawnTailnet = z.object({ tookMs: z.number() });

export const drained = z.object({ drainedMs: z.number() });

/** What each platform of the sandbox's machine does, and at what address. */
export const serviceStates = z.array(
  z.object({
    service: z.enum(SERVICE_NAMES),
    at: z.string(),
    asked: z.int(),
    faults: z.array(z.string()),
  }),
);

export type ServiceStates = z.infer<typeof serviceStates>;

/** What the platforms announce to the machine, in words. */
export const announced = z.array(z.string());

/** `because`: what the agent says of its platform. */
export const provedAnew = z.object({ proved: z.boolean(), tookMs: z.number(), because: z.string().exactOptional() });
