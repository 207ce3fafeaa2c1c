import { randomBytes } from "node:crypto";
import { constants } from "node:http2";
import type { Mood } from "../../journeys/recovery/stage/way.ts";
import { type Answer, Intermediary, page, trailersOnly } from "../../plane/intermediary.ts";
import type { Fault, FaultContext } from "./fault.ts";
import { atOnce, UNHEARD } from "./plane.ts";

const lane = "plane";
const LEAST_SLOW_MS = 1_000;
const MOST_SLOW_MS = 4_000;
/** Of a server that does not even speak TLS. */
const PLAIN: readonly Buffer[] = [
  Buffer.from("HTTP/1.1 503 Service Unavailable\r\ncontent-type: text/html\r\n\r\n<h1>503</h1>"),
  Buffer.from("SSH-2.0-OpenSSH_9.2\r\n"),
  randomBytes(3_000),
];
/** Under the control plane's own name, by somebody who knows nothing of the contract. */
const ANSWERS: readonly Answer[] = [
  ...[200, 403, 404, 429, 502, 503].map((status) => page(status)),
  trailersOnly({ "grpc-status": "7", "grpc-message": "RBAC: access denied" }),
  (stream) => stream.close(constants.NGHTTP2_INTERNAL_ERROR),
  (stream) => stream.close(constants.NGHTTP2_REFUSED_STREAM),
  (stream) => stream.session?.destroy(),
];

function turned(mood: (context: FaultContext) => Mood, holdsMs: Fault["holdsMs"], what: string): Fault {
  return {
    ...{ lane, weight: 2, breaks: UNHEARD, holdsMs, what },
    bring: async (context) => {
      const { way } = context.outside;
      await way.turn(mood(context));
      return {
        mend: async () => {
          await way.turn({ is: "open" });
          await atOnce(context.stage);
        },
      };
    },
  };
}

function oneOf<T>(all: readonly T[], { chance }: FaultContext): T {
  const one = all[Math.floor(chance() * all.length)];
  if (one === undefined) throw new Error("There is nothing to draw from");
  return one;
}

export const WAY_FAULTS = {
  "plane-slow": turned(
    ({ chance }) => ({ is: "slow", byMs: Math.round(LEAST_SLOW_MS + chance() * (MOST_SLOW_MS - LEAST_SLOW_MS)) }),
    [5_000, 30_000],
    "each word to and from the control plane comes seconds late",
  ),
  "plane-unreachable": turned(
    () => ({ is: "silent" }),
    [1_000, 20_000],
    "whoever connects to the control plane hears nothing",
  ),
  "plane-not-even-tls": turned(
    (context) => ({ is: "answering", bytes: oneOf(PLAIN, context) }),
    [1_000, 15_000],
    "somebody else answers on the control plane's port",
  ),
  "plane-behind-error-pages": {
    ...{ lane, weight: 3, breaks: UNHEARD, holdsMs: [1_000, 20_000] },
    what: "an intermediary answers with pages, resets or the connection's end",
    bring: async (context) => {
      const { stage, outside } = context;
      const { certPem, keyPem } = await stage.plane.authorities.ownCertificate();
      const shown = { certPem, keyPem, caPem: stage.plane.caPem };
      const intermediary = await Intermediary.listen(oneOf(ANSWERS, context), shown);
      outside.way.leadTo(intermediary.port);
      outside.way.cut();
      return {
        mend: async () => {
          outside.way.leadTo(stage.plane.transport.port);
          outside.way.cut();
          await intermediary[Symbol.asyncDispose]();
          await atOnce(stage);
        },
      };
    },
  },
} as const satisfies Readonly<Record<string, Fault>>;
