import { AgentError } from "../../core/errors.ts";
import type { NetworkFacts, VerifyIsolation } from "../../core/network/facts.ts";
import { fetchesLike, judgeFetches } from "../../core/network/fetch-plan.ts";
import type { IsolationReport } from "../../core/network/order.ts";
import { judgeProbe } from "../../core/network/probe-judge.ts";
import { type ListeningPoint, planProbe } from "../../core/network/probe-plan.ts";
import type { ProbeOutcome, ProbeTarget } from "../../core/network/probe-target.ts";
import { Scope } from "../../lifecycle/scope.ts";
import type { Clock } from "../../ports/clock.ts";
import { MachineListeners } from "./machine-listeners.ts";
import { OwnNames } from "./own-names.ts";
import type { ProbeProgram } from "./probe-process.ts";
import { neighbourLines, StepNetwork, type StepOptions } from "./step-network.ts";
import { Unfinished } from "./unfinished.ts";

export interface VerifierOptions {
  /** How `builder-agent network probe` is started: an absolute path, and arguments. */
  readonly program: ProbeProgram;
  /** For notes on what is under way; of root, on memory. */
  readonly notesDir: string;
  /**
   * Asks the BuildKit that runs now to fetch each: see `tryFetches`. Undefined: there is none, and
   * so none that could. One that starts during the trial is tried by who starts it, before a build
   * is let in; a boot does not wait for both.
   */
  readonly fetcher: (socketPath: string) => Fetch | undefined;
  readonly clock: Clock;
}

type Fetch = (targets: readonly ProbeTarget[], signal: AbortSignal) => Promise<readonly ProbeOutcome[] | undefined>;

/**
 * Tries the guard from inside: two networks like those of two build steps, a probe in the first,
 * and listeners in the second and at this machine's own addresses. Beside it, BuildKit is asked to
 * fetch what it must not. Whatever way it ends, nothing of
 * it is left; what a killed one leaves, the next one clears. Several may run at once.
 */
export function isolationVerifier({ program, notesDir, fetcher, clock }: VerifierOptions): VerifyIsolation {
  const unfinished = new Unfinished(notesDir);
  return async (facts, signal) => {
    const started = clock.now();
    const fetch = fetcher(facts.buildkit.socketPath);
    const findings = await probe(facts, fetch, { program, unfinished, startedMs: started.wallMs }, signal);
    const ended = clock.now();
    const tookMs = Math.round(ended.monoMs - started.monoMs);
    return { verifiedAtMs: ended.wallMs, tookMs, generation: facts.generation, findings };
  };
}

async function probe(
  facts: NetworkFacts,
  fetch: Fetch | undefined,
  options: Omit<StepOptions, "facts">,
  signal: AbortSignal,
): Promise<IsolationReport["findings"]> {
  await options.unfinished.sweep(signal);
  await using scope = new Scope();
  // Before all else: it has had the longest time when it counts.
  const { answered } = scope.own(new OwnNames(facts));
  const [first, second] = await bothSteps({ facts, ...options }, scope, signal);
  const machine = scope.own(await MachineListeners.open(facts, first.machineLink));
  const neighbour = await listenIn(second, facts.families, signal);
  await Promise.all(
    facts.families.map(async (family, at) => {
      const point = neighbour.routed[at];
      const lines = point === undefined ? [] : neighbourLines(facts[family].gateway, second.mac, point);
      await first.ip(family === "ipv4" ? "-4" : "-6", lines, signal);
    }),
  );
  const targets = planProbe(facts, {
    machine: machine.points,
    neighbour: neighbour.direct,
    routedNeighbour: neighbour.routed,
    answered,
  });
  const plan = { listen: [], tries: targets, nameservers: facts.nameservers };
  const { agentPorts, buildkit } = facts;
  const fetches = fetchesLike(targets, agentPorts);
  const [{ outcomes }, fetched] = await Promise.all([first.probe.carryOut(plan, signal), fetch?.(fetches, signal)]);
  await second.probe.end();
  const heard = [...second.probe.heard, ...machine.heardFrom([first.ipv4, first.ipv6])];
  return [
    ...judgeProbe(targets, outcomes, heard, answered),
    ...(fetched === undefined ? [] : judgeFetches(fetches, fetched, machine.heardFrom(buildkit.addresses))),
  ];
}

/** At once, since most of it is the two probes' loading. */
async function bothSteps(
  options: StepOptions,
  scope: Scope,
  signal: AbortSignal,
): Promise<readonly [StepNetwork, StepNetwork]> {
  const make = async (which: string): Promise<StepNetwork> => StepNetwork.make(which, options, signal);
  const made = await Promise.allSettled([make("a"), make("b")]);
  for (const one of made) if (one.status === "fulfilled") scope.own(one.value);
  const [first, second] = made;
  if (first.status === "rejected") throw first.reason;
  if (second.status === "rejected") throw second.reason;
  return [first.value, second.value];
}

/** Twice at each address: for what comes straight, and for what is led through the machine. */
async function listenIn(step: StepNetwork, families: NetworkFacts["families"], signal: AbortSignal) {
  const addresses = families.map((family) => step[family]);
  const listen = [...addresses, ...addresses];
  const { listening: at } = await step.probe.carryOut({ listen, tries: [], nameservers: [] }, signal);
  const points = listen.map((host, index): ListeningPoint => {
    const listening = at[index];
    if (listening) return { host, ...listening };
    throw new AgentError("isolation.not-verified", `A probe cannot listen at ${host} in a network like a build's`, {
      retryable: true,
    });
  });
  return { direct: points.slice(0, addresses.length), routed: points.slice(addresses.length) };
}
