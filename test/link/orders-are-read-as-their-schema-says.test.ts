import * as fc from "fast-check";
import { expect, it } from "vitest";
import { z } from "zod";
import { orderFromLine } from "../../agent/adapters/link/order-wire.ts";
import { isId, isTrustDomain } from "../../agent/core/build-identity.ts";
import { PERMISSIONS } from "../../agent/core/calls.ts";
import { CONTRACT_LIMITS } from "../../agent/core/contract-limits.ts";
import { AgentError } from "../../agent/core/errors.ts";
import { placesOf, withAt } from "../wire/changed-somewhere.ts";

/** What the gateway reads by hand, so that it loads no schema library, as that library says it. */
const Id = z.string().refine(isId);
const Instant = z.object({ wallMs: z.number(), monoMs: z.number() });
const Sha256 = z.string().regex(/^[0-9a-f]{64}$/);
const { buildCas, buildCasBytes, closedBuilds, openBuilds } = CONTRACT_LIMITS;
const Grant = z.object({
  buildId: Id,
  orgId: Id,
  projectId: Id,
  expiresAtMs: z.number(),
  keySpkiSha256: Sha256.exactOptional(),
  permissions: z.array(z.enum(PERMISSIONS)).max(PERMISSIONS.length).exactOptional(),
  contextGroup: Id.exactOptional(),
});
const Order = z.discriminatedUnion("is", [
  z.object({
    is: z.literal("allow"),
    allowSet: z.object({
      revision: z
        .string()
        .regex(/^\d{1,20}$/)
        .transform(BigInt),
      epoch: z.string().max(4_096),
      trustDomain: z.string().refine(isTrustDomain),
      buildCas: z.array(z.string().max(buildCasBytes)).max(buildCas),
      grants: z
        .array(Grant)
        .max(openBuilds)
        .transform((all) => new Map(all.map((one) => [one.buildId, one]))),
      closed: z
        .array(z.tuple([Id, z.enum(["ended", "revoked", "kept-out"])]))
        .max(openBuilds + closedBuilds)
        .transform((all) => new Map(all)),
      admission: z.discriminatedUnion("at", [
        z.object({ at: z.literal("open") }),
        z.object({ at: z.literal("closed"), because: z.string().max(4_096) }),
      ]),
      confirmedAt: Instant,
    }),
  }),
  z.object({ is: z.literal("confirm"), at: Instant }),
  z.object({ is: z.literal("certify"), keySpkiSha256: Sha256, chainPem: z.string().max(262_144) }),
  z.object({ is: z.enum(["rotate-key", "cut-all", "retire"]) }),
  z.object({ is: z.literal("acknowledge"), sessionIds: z.array(z.string().max(256)).max(10_000) }),
]);

const grant = {
  ...{ buildId: "b", orgId: "o", projectId: "p", expiresAtMs: 1 },
  ...{ keySpkiSha256: "ab".repeat(32), permissions: ["build", "prune"], contextGroup: "main" },
};
const ORDERS = [
  {
    is: "allow",
    allowSet: {
      ...{ revision: "7", epoch: "e", trustDomain: "builds.test", buildCas: ["pem"], grants: [grant] },
      closed: [["c", "revoked"]],
      admission: { at: "closed", because: "full" },
      confirmedAt: { wallMs: 1, monoMs: 2 },
    },
  },
  { is: "confirm", at: { wallMs: 1, monoMs: 2 } },
  { is: "certify", keySpkiSha256: "cd".repeat(32), chainPem: "pem" },
  { is: "cut-all" },
  { is: "acknowledge", sessionIds: ["s.1", "s.2"] },
];

const strange = fc.oneof(
  fc.constantFrom<unknown>(undefined, null, "", "open", "ab".repeat(32), -1, 1.5, [], {}, ["b", "ended"], [["b"]]),
  fc.constantFrom<unknown>(
    { at: "open" },
    "x".repeat(5_000),
    Array.from({ length: 10_001 }, () => "s"),
    [grant, grant],
  ),
  fc.jsonValue(),
);

const changed = fc
  .constantFrom(...ORDERS.flatMap((order) => placesOf(order).map((path) => ({ order, path }))))
  .chain(({ order, path }) => strange.map((other) => withAt(order, path, other)));

it("an order is taken, refused and understood as its schema says, whatever was changed in it", () => {
  fc.assert(
    fc.property(changed, (order) => {
      const line = JSON.stringify(typeof order === "object" && order !== null ? { v: 1, ...order } : order) ?? "";
      const said = Order.safeParse(line === "" ? undefined : JSON.parse(line));
      expect(outcomeOf(line)).toEqual(said.success ? said.data : "link.malformed");
    }),
    { numRuns: 5_000, examples: ORDERS.map((order): [unknown] => [order]) },
  );
});

function outcomeOf(line: string): unknown {
  try {
    return orderFromLine(line);
  } catch (failure) {
    return failure instanceof AgentError ? failure.code : failure;
  }
}
