import { z } from "zod";
import type { AuditEntry } from "../../control-plane/audit.ts";
import type { Inhabitant } from "../claim.ts";
import { asking } from "../client.ts";
import { diagnosticsRequest } from "../diagnostics.ts";
import { buildOrder, lentOrder, ofBuilds } from "../request.ts";
import { tracesRequest } from "../traces.ts";
import { ofTrusts } from "../trusts.ts";

/** A control plane alone, in a directory of its own. */
export const PLANE: Inhabitant = {
  name: "control plane",
  claimFile: "plane.json",
  start: "npm run plane -- --listen 0.0.0.0:9443",
};

const id = z.string().min(1);

/** What a control plane that runs alone can be asked for. */
export const planeRequest = z.discriminatedUnion("verb", [
  // "host:port", when it is not where the machine's stream comes from.
  buildOrder.extend({ machineAddress: z.string().exactOptional() }),
  lentOrder.extend({ machineAddress: z.string().exactOptional() }),
  ...ofBuilds,
  ...ofTrusts,
  z.object({
    verb: z.literal("token-issue"),
    org: id,
    project: id,
    architecture: z.string().exactOptional(),
    ttlMs: z.int().positive(),
  }),
  diagnosticsRequest,
  tracesRequest,
  z.object({ verb: z.literal("machine-list") }),
  z.object({
    verb: z.literal("machine-drain"),
    of: z.union([z.object({ machineId: id }), z.object({ org: id, project: id })]),
    reason: z.string(),
    graceMs: z.int().nonnegative(),
  }),
  z.object({ verb: z.literal("machine-forget"), machineId: id }),
  z.object({ verb: z.literal("audit") }),
  z.object({ verb: z.literal("ca") }),
]);

export type PlaneRequest = z.output<typeof planeRequest>;

export const askPlane = asking<PlaneRequest>(PLANE);

export const issuedToken = z.object({ token: z.string(), expiresAt: z.string() });

export const listedMachines = z.array(
  z.object({
    machineId: z.string(),
    org: z.string(),
    project: z.string(),
    architecture: z.string(),
    /** Absent where its evidence names no instance: a join token's. */
    instance: z.string().exactOptional(),
    /** Counts the machines that this instance has been, from 1. */
    generation: z.int().exactOptional(),
    attached: z.boolean(),
    /** When it attached or went away; the start of the control plane, if it has not come since. */
    since: z.string(),
    /** Where its stream comes from; absent while it is not attached. */
    address: z.string().exactOptional(),
    /** As it last said; absent if it has not, since the start of the control plane. */
    phase: z.string().exactOptional(),
    ready: z.boolean(),
    /** Why it is not ready. */
    reasons: z.array(z.string()),
    /** Absent while nobody has ordered one. */
    ending: z
      .object({
        /** When open builds are cut at the latest, by the machine's clock. */
        deadline: z.string(),
        /** Whose order has that deadline. */
        deadlineOf: z.string(),
        at: z.string(),
        steps: z.array(z.object({ name: z.string(), outcome: z.string(), tookMs: z.number() })),
      })
      .exactOptional(),
    /** Absent if it never said. */
    versions: z
      .object({ agent: z.string(), node: z.string(), buildkit: z.string(), contract: z.string() })
      .exactOptional(),
  }),
);

export type ListedMachine = z.output<typeof listedMachines>[number];

/** `told`: it was attached, and drains. Else it does when it comes back. */
export const drainedMachines = z.array(z.object({ machineId: z.string(), told: z.boolean() }));

export const forgottenMachine = z.object({ machineId: z.string() });

const party = z.object({ keySha256: z.string(), address: z.string().exactOptional() });
const holder = party.extend({ machineId: z.string(), generation: z.int() });
const noted = { at: z.coerce.date(), lastAt: z.coerce.date(), times: z.int() };

export const auditEntries: z.ZodType<AuditEntry[]> = z.array(
  z.discriminatedUnion("event", [
    z.object({
      ...noted,
      event: z.literal("evidence-refused"),
      kind: z.string(),
      address: z.string(),
      reason: z.string(),
    }),
    z.object({
      ...noted,
      event: z.literal("instance-already-registered"),
      instance: z.string(),
      holder,
      claimant: party,
    }),
    z.object({ ...noted, event: z.literal("generation-began"), instance: z.string(), holder, before: holder }),
    z.object({
      ...noted,
      event: z.literal("machine-forgotten"),
      machineId: z.string(),
      instance: z.string().exactOptional(),
    }),
  ]),
);

export const controlPlaneCa = z.object({ caPem: z.string() });
