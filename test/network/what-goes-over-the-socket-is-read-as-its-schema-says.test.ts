import * as fc from "fast-check";
import { expect, it } from "vitest";
import { z } from "zod";
import { APPLY, ESTABLISH, VERIFY } from "../../agent/adapters/network/protocol.ts";
import { CONTRACT_LIMITS } from "../../agent/core/contract-limits.ts";
import { MIRROR_PLACES_MAX } from "../../agent/core/network/mirrors.ts";
import { placesOf, withAt } from "../wire/changed-somewhere.ts";

/** What root's helper reads by small fields, so that it loads no schema library, as one says it. */
const words = z.array(z.string().max(256)).max(CONTRACT_LIMITS.allowedCidrs);
const Order = z.strictObject({
  tailnet: z.enum(["closed", "open"]),
  searchDomains: words,
  egress: z.strictObject({ allowedCidrs: words, allowPrivateRanges: z.boolean() }),
  mirrors: z
    .array(z.strictObject({ address: z.string().max(64), port: z.number().int().min(1).max(65_535) }))
    .max(MIRROR_PLACES_MAX),
  avoid: words,
  mayMove: z.boolean(),
});
const Applied = z.object({
  ipv4: z.string(),
  ipv6: z.string(),
  families: z.array(z.enum(["ipv4", "ipv6"])).default(["ipv4", "ipv6"]),
  generation: z.string(),
  tailnet: z.enum(["closed", "open"]),
  resolvers: z.array(z.string()),
  localResolvers: z.array(z.string()).default([]),
  collisions: z.array(z.string()),
  guardPutBack: z.object({ atMs: z.number(), times: z.number() }).exactOptional(),
});
const Finding = z.object({
  what: z.string(),
  target: z.string(),
  expected: z.enum(["refused", "reached"]),
  got: z.enum(["refused", "reached", "silent", "unroutable"]),
  ok: z.boolean(),
  detail: z.string(),
});
const Report = z.object({
  verifiedAtMs: z.number(),
  tookMs: z.number(),
  generation: z.string(),
  findings: z.array(Finding),
});

const finding = { what: "w", target: "t", expected: "refused", got: "silent", ok: true, detail: "" };
const MESSAGES = [
  {
    shape: ESTABLISH.request,
    schema: z.strictObject({ order: Order }),
    sound: {
      order: {
        ...{ tailnet: "open", searchDomains: ["acme.ts.net"], avoid: ["10.0.0.0/8"], mayMove: true },
        egress: { allowedCidrs: ["192.0.2.0/24"], allowPrivateRanges: false },
        mirrors: [{ address: "10.0.0.1", port: 5_000 }],
      },
    },
  },
  { shape: VERIFY.request, schema: z.strictObject({}), sound: {} },
  {
    shape: APPLY.answer,
    schema: z.object({ is: z.literal("applied"), network: Applied }),
    sound: {
      is: "applied",
      network: {
        ...{ ipv4: "198.18.224.0/20", ipv6: "fd4e::/64", families: ["ipv4"], generation: "g", tailnet: "closed" },
        ...{ resolvers: ["10.0.0.2"], localResolvers: ["127.0.0.53"], collisions: [] },
        guardPutBack: { atMs: 1, times: 2 },
      },
    },
  },
  {
    shape: ESTABLISH.answer,
    schema: z.object({ is: z.literal("verified"), report: Report }),
    sound: { is: "verified", report: { verifiedAtMs: 1, tookMs: 2, generation: "g", findings: [finding] } },
  },
] as const;

const strange = fc.oneof(
  fc.constantFrom<unknown>(undefined, null, "", "open", "ipv6", "silent", "x".repeat(300), -1, 0, 1.5, 65_536, true),
  fc.constantFrom<unknown>([], {}, ["ipv6"], [finding], { more: 1 }, { atMs: 1, times: 1 }),
  fc.jsonValue(),
);

it("a message is taken, refused and understood as its schema says, whatever was changed in it", () => {
  const changed = fc
    .constantFrom(...MESSAGES.flatMap((one) => placesOf(one.sound).map((path) => ({ ...one, path }))))
    .chain(({ path, ...one }) => strange.map((other) => ({ ...one, sent: withAt(one.sound, path, other) })));
  const whole = MESSAGES.map((one) => ({ ...one, sent: one.sound }));
  fc.assert(
    fc.property(changed, ({ shape, schema, sent }) => {
      // As it comes over the socket.
      const { sent: came } = JSON.parse(JSON.stringify({ sent })) as { readonly sent?: unknown };
      const [read, said] = [shape.safeParse(came), schema.safeParse(came)];
      expect(read.success ? read.data : "malformed").toEqual(said.success ? said.data : "malformed");
    }),
    { numRuns: 5_000, examples: whole.map((one): [typeof one] => [one]) },
  );
});
