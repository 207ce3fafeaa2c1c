import type { AllowSet, Grant } from "../../core/allow-set.ts";
import { isId, isTrustDomain } from "../../core/build-identity.ts";
import { PERMISSIONS } from "../../core/calls.ts";
import { CONTRACT_LIMITS } from "../../core/contract-limits.ts";
import type { ControlOrder } from "../../ports/control-link.ts";
import {
  changed,
  type Field,
  finite,
  kindsBy,
  listUpTo,
  object,
  oneOf,
  optional,
  shapeOf,
  text,
  textUpTo,
  tuple,
} from "../../wire/fields.ts";
import { messageLine, readMessage } from "../../wire/protocol.ts";
import { BIG_INTEGER, LINK, SHA256_HEX, TEXT_MAX } from "./values.ts";

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

const Instant = object({ wallMs: finite(), monoMs: finite() });
const Id = text(isId);
const Name = textUpTo(TEXT_MAX.name);
const Detail = textUpTo(TEXT_MAX.detail);
const Sha256Hex = text((hex) => SHA256_HEX.test(hex));
const BigInteger = changed(
  text((digits) => BIG_INTEGER.test(digits)),
  (digits) => BigInt(digits),
);

const GrantFields: Field<Grant> = object({
  buildId: Id,
  orgId: Id,
  projectId: Id,
  expiresAtMs: finite(),
  keySpkiSha256: optional(Sha256Hex),
  permissions: optional(listUpTo(PERMISSIONS.length, oneOf(PERMISSIONS))),
  contextGroup: optional(Id),
});

const AllowSetFields: Field<AllowSet> = object({
  revision: BigInteger,
  epoch: Detail,
  trustDomain: text(isTrustDomain),
  buildCas: listUpTo(buildCas, textUpTo(buildCasBytes)),
  grants: changed(
    listUpTo(openBuilds, GrantFields),
    (grants) => new Map(grants.map((grant) => [grant.buildId, grant])),
  ),
  closed: changed(
    listUpTo(openBuilds + closedBuilds, tuple(Id, oneOf(["ended", "revoked", "kept-out"]))),
    (closed) => new Map(closed),
  ),
  admission: kindsBy("at", { open: {}, closed: { because: Detail } }),
  confirmedAt: Instant,
});

const Order: Field<SentOrder> = kindsBy("is", {
  allow: { allowSet: AllowSetFields },
  confirm: { at: Instant },
  certify: { keySpkiSha256: Sha256Hex, chainPem: textUpTo(CHAIN_MAX) },
  "rotate-key": {},
  "cut-all": {},
  retire: {},
  acknowledge: { sessionIds: listUpTo(IDS_MAX, Name) },
});
const OrderShape = shapeOf(Order);

export function orderToLine(order: SentOrder): string {
  return messageLine(LINK, order.is === "allow" ? { ...order, allowSet: flat(order.allowSet) } : order);
}

/** @throws {AgentError} "link.malformed" or "link.other-version" */
export function orderFromLine(line: string): SentOrder {
  return readMessage(LINK, OrderShape, line);
}

function flat(allowSet: AllowSet): object {
  return {
    ...allowSet,
    revision: String(allowSet.revision),
    grants: [...allowSet.grants.values()],
    closed: [...allowSet.closed],
  };
}
