import type { ProbeFinding } from "./order.ts";
import { type Heard, nameOf, type ProbeOutcome, type ProbeTarget, type ProbeVia } from "./probe-target.ts";

/** A reset, or a refusal by whoever is there: the packet arrived, and something answered. */
const ARRIVED = new Set(["ECONNREFUSED", "ECONNRESET", "EPIPE"]);
/** The packet did not even leave: no route, no address of this family. */
const NOT_SENT = new Set(["ENETUNREACH", "ENETDOWN", "EADDRNOTAVAIL", "EINVAL", "EAFNOSUPPORT", "ENODEV"]);
/**
 * "Administratively prohibited" is EHOSTUNREACH in IPv4 and EACCES in IPv6. Whatever else the
 * system calls it, nothing got through.
 */
const NO_ANSWER = new Set(["ETIMEDOUT"]);

/**
 * What was found. What a listener of ours heard got through, whatever its sender saw. `outcomes`:
 * as many as `targets`, in their order. `answered`: see `ProbeSurroundings`; nobody is blamed for
 * names that this machine does not have.
 */
export function judgeProbe(
  targets: readonly ProbeTarget[],
  outcomes: readonly ProbeOutcome[],
  heard: readonly Heard[],
  answered: ReadonlySet<ProbeVia>,
): readonly ProbeFinding[] {
  const tried = targets.map((target, at) => ({ target, ...seen(target, outcomes[at] ?? { is: "silent" }, heard) }));
  const satisfied = new Set(tried.filter(({ got }) => got === "reached").map(({ target }) => target.anyOf));
  return tried.map(({ target, got, detail }) => {
    const { what, expected } = target;
    const reached = isReached(target, got, satisfied);
    const excused = !reached && wantsAnswer(target) && !answered.has(target.via);
    return {
      what,
      target: nameOf(target),
      expected,
      got,
      ok: expected === "refused" ? got !== "reached" : reached || excused,
      detail: excused ? "nor is this machine itself answered" : detail,
    };
  });
}

function isReached({ anyOf }: ProbeTarget, got: Got, satisfied: ReadonlySet<string | undefined>): boolean {
  return got === "reached" || (anyOf !== undefined && satisfied.has(anyOf));
}

type Got = ProbeFinding["got"];

function seen(
  target: ProbeTarget,
  outcome: ProbeOutcome,
  heard: readonly Heard[],
): { readonly got: Got; readonly detail: string } {
  if (outcome.is === "answered") return { got: "reached", detail: outcome.detail };
  if (heard.some((one) => isFor(one, target))) return { got: "reached", detail: "heard there" };
  if (outcome.is === "silent") return { got: "silent", detail: "" };
  const { code } = outcome;
  if (ARRIVED.has(code)) return { got: wantsAnswer(target) ? "refused" : "reached", detail: code };
  if (NOT_SENT.has(code)) return { got: "unroutable", detail: code };
  return { got: NO_ANSWER.has(code) ? "silent" : "refused", detail: code };
}

/** Whoever refuses a question has got it, but nobody has names from that. */
function wantsAnswer({ expected, via }: ProbeTarget): boolean {
  return expected === "reached" && (via === "dns-udp" || via === "dns-tcp");
}

function isFor({ via, address, port }: Heard, target: ProbeTarget): boolean {
  return via === target.via && port === target.port && address === target.host.split("%")[0];
}
