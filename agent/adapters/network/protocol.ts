import { CONTRACT_LIMITS } from "../../core/contract-limits.ts";
import { MIRROR_PLACES_MAX } from "../../core/network/mirrors.ts";
import type { AppliedNetwork, IsolationReport, NetworkOrder } from "../../core/network/order.ts";
import {
  anyText,
  exactly,
  type Field,
  finite,
  list,
  listUpTo,
  object,
  oneOf,
  optional,
  orElse,
  shapeOf,
  textUpTo,
  wholeFrom,
  yesOrNo,
} from "../../wire/fields.ts";
import { type Protocol, verb } from "../../wire/protocol.ts";

const words = listUpTo(CONTRACT_LIMITS.allowedCidrs, textUpTo(256));

const order: Field<NetworkOrder> = exactly({
  tailnet: oneOf(["closed", "open"]),
  searchDomains: words,
  egress: exactly({ allowedCidrs: words, allowPrivateRanges: yesOrNo }),
  mirrors: listUpTo(MIRROR_PLACES_MAX, exactly({ address: textUpTo(64), port: wholeFrom(1, 65_535) })),
  avoid: words,
  mayMove: yesOrNo,
});

const family = oneOf(["ipv4", "ipv6"]);

export const appliedField: Field<AppliedNetwork> = object({
  ipv4: anyText,
  ipv6: anyText,
  // An earlier version made both.
  families: orElse(list(family), ["ipv4", "ipv6"]),
  generation: anyText,
  tailnet: oneOf(["closed", "open"]),
  resolvers: list(anyText),
  // An earlier version told of none.
  localResolvers: orElse(list(anyText), []),
  collisions: list(anyText),
  guardPutBack: optional(object({ atMs: finite(), times: finite() })),
});

const report: Field<IsolationReport> = object({
  verifiedAtMs: finite(),
  tookMs: finite(),
  generation: anyText,
  findings: list(
    object({
      what: anyText,
      target: anyText,
      expected: oneOf(["refused", "reached"]),
      got: oneOf(["refused", "reached", "silent", "unroutable"]),
      ok: yesOrNo,
      detail: anyText,
    }),
  ),
});

/**
 * What goes over `network.sock`. A report has some hundred findings of 200 bytes, an order at most
 * twice the contract's limit of ranges, each of up to 50 bytes.
 */
export const NETWORK: Protocol = {
  name: "network",
  answerer: "the builds' network",
  version: 1,
  lineMaxBytes: 2 * 1024 * 1024,
};

const nothing = shapeOf(exactly({}));
const ordered = shapeOf(exactly({ order }));
const applied = shapeOf(object({ is: oneOf(["applied"]), network: appliedField }));
const verified = shapeOf(object({ is: oneOf(["verified"]), report }));

export const APPLY = verb(NETWORK, "apply", { request: ordered, answer: applied });

export const VERIFY = verb(NETWORK, "verify", { request: nothing, answer: verified, endsWithAsker: true });

/** Both in turn. The order is carried out in any case; its trial ends with its asker. */
export const ESTABLISH = verb(NETWORK, "establish", { request: ordered, step: applied, answer: verified });
