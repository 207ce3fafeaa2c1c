import { z } from "zod";
import type { AllowSet } from "../../core/allow-set.ts";
import { isTrustDomain } from "../../core/build-identity.ts";
import { PERMISSIONS } from "../../core/calls.ts";
import { CONTRACT_LIMITS } from "../../core/contract-limits.ts";
import type { ControlOrder } from "../../ports/control-link.ts";
import { messageLine, readMessage } from "../../wire/protocol.ts";
import { atMost, BigInteger, Detail, Id, LINK, Name, Sha256Hex } from "./values.ts";

/**
 * What travels from control to the gateway; that control came or went is told by the connection
 * itself.
 */
export type SentOrder = Exclude<ControlOrder, { readonly is: "connected" | "lost" }>;

const { openBuilds, closedBuilds, buildCas, buildCasBytes } = CONTRACT_LIMITS;
/** A chain has some kilobytes. */
const CHAIN_MAX = 262_144;
/** Control acknowledges a thousand in a line. */
const IDS_MAX = 10_000;

const InstantWire = z.object({ wallMs: z.number(), monoMs: z.number() });

const GrantWire = z.object({
  buildId: Id,
  orgId: Id,
  projectId: Id,
  expiresAtMs: z.number(),
  keySpkiSha256: Sha256Hex.exactOptional(),
  permissions: z.array(z.enum(PERMISSIONS)).exactOptional(),
  contextGroup: Id.exactOptional(),
});

const AllowSetWire = z.object({
  revision: BigInteger,
  epoch: Detail,
  trustDomain: z.string().refine(isTrustDomain, "not a trust domain"),
  buildCas: atMost(buildCas, z.string().max(buildCasBytes)),
  grants: atMost(openBuilds, GrantWire).transform((grants) => new Map(grants.map((grant) => [grant.buildId, grant]))),
  closed: atMost(openBuilds + closedBuilds, z.tuple([Id, z.enum(["ended", "revoked", "kept-out"])])).transform(
    (closed) => new Map(closed),
  ),
  admission: z.discriminatedUnion("at", [
    z.object({ at: z.literal("open") }),
    z.object({ at: z.literal("closed"), because: Detail }),
  ]),
  confirmedAt: InstantWire,
});

const OrderWire: z.ZodType<SentOrder> = z.discriminatedUnion("is", [
  z.object({ is: z.literal("allow"), allowSet: AllowSetWire }),
  z.object({ is: z.literal("confirm"), at: InstantWire }),
  z.object({ is: z.literal("certify"), keySpkiSha256: Sha256Hex, chainPem: z.string().max(CHAIN_MAX) }),
  z.object({ is: z.literal("rotate-key") }),
  z.object({ is: z.literal("cut-all") }),
  z.object({ is: z.literal("retire") }),
  z.object({ is: z.literal("acknowledge"), sessionIds: atMost(IDS_MAX, Name) }),
]);

export function orderToLine(order: SentOrder): string {
  return messageLine(LINK, order.is === "allow" ? { ...order, allowSet: flat(order.allowSet) } : order);
}

/** @throws {AgentError} "link.malformed" or "link.other-version" */
export function orderFromLine(line: string): SentOrder {
  return readMessage(LINK, OrderWire, line);
}

function flat(allowSet: AllowSet): object {
  return {
    ...allowSet,
    revision: String(allowSet.revision),
    grants: [...allowSet.grants.values()],
    closed: [...allowSet.closed],
  };
}
