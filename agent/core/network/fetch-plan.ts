import type { NetworkFacts } from "./facts.ts";
import type { ProbeFinding } from "./order.ts";
import { judgeProbe } from "./probe-judge.ts";
import { METADATA_TARGETS } from "./probe-metadata.ts";
import { FORBIDDEN_MS, type Heard, type ProbeOutcome, type ProbeTarget } from "./probe-target.ts";

const BY_BUILDKIT = "BuildKit: ";

/** BuildKit's own, where it has a network of its own; whoever answers there is not the agent. */
const LOOPBACK = ["127.0.0.1", "::1"];

/**
 * What BuildKit is asked to fetch before a build may: whatever no policy opens. `gateways`: the
 * addresses of this machine that BuildKit's packets come to first. `ports`: TCP, of this machine.
 */
export function fetchesAtStart(gateways: readonly string[], ports: readonly number[]): readonly ProbeTarget[] {
  return [
    ...METADATA_TARGETS.map(({ host, port }) => fetched("instance metadata", host, port)),
    ...onMachine([...LOOPBACK, ...gateways], ports),
  ];
}

/**
 * Of all that a step is tried with, what BuildKit can be asked to fetch: it speaks HTTP, and has no
 * neighbour that it could name.
 */
export function fetchesLike(
  targets: readonly ProbeTarget[],
  agentPorts: NetworkFacts["agentPorts"],
): readonly ProbeTarget[] {
  const alike = targets.filter(
    ({ via, expected, what }) => via === "tcp" && expected === "refused" && what !== "another build",
  );
  return [...alike.map(({ what, host, port }) => fetched(what, host, port)), ...onMachine(LOOPBACK, agentPorts)];
}

/** A refusal on BuildKit's own loopback is no answer of this machine's. */
export function judgeFetches(
  targets: readonly ProbeTarget[],
  outcomes: readonly ProbeOutcome[],
  heard: readonly Heard[],
): readonly ProbeFinding[] {
  const own = outcomes.map((outcome, at): ProbeOutcome => {
    const isLoopback = LOOPBACK.includes(targets[at]?.host ?? "");
    return isLoopback && outcome.is === "failed" ? { is: "failed", code: "nobody is there" } : outcome;
  });
  return judgeProbe(targets, own, heard, new Set());
}

/** "from inside a build's network", and by whom else: for a sentence. */
export function whereTried(findings: readonly ProbeFinding[]): string {
  const byBuildkit = findings.some(({ what }) => what.startsWith(BY_BUILDKIT));
  return `from inside a build's network${byBuildkit ? " and by BuildKit" : ""}`;
}

function onMachine(hosts: readonly string[], ports: readonly number[]): readonly ProbeTarget[] {
  return hosts.flatMap((host) => ports.map((port) => fetched("this machine's own addresses", host, port)));
}

function fetched(what: string, host: string, port: number): ProbeTarget {
  return { what: `${BY_BUILDKIT}${what}`, via: "tcp", host, port, expected: "refused", deadlineMs: FORBIDDEN_MS };
}
