import { AgentError } from "../../core/errors.ts";
import type { NetworkFacts, VerifyIsolation } from "../../core/network/facts.ts";
import type { IsolationReport } from "../../core/network/order.ts";
import { judgeProbe } from "../../core/network/probe-judge.ts";
import { type ListeningPoint, planProbe } from "../../core/network/probe-plan.ts";
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
  readonly clock: Clock;
}

/**
 * Tries the guard from inside: two networks like those of two build steps, a probe in the first, and listeners in the second and at this machine's own
 * addresses. Whatever way it ends, nothing of it is left; what a killed one leaves, the next one clears. Several may run at once.
 */
export function isolationVerifier({ program, notesDir, clock }: VerifierOptions): VerifyIsolation {
  const unfinished = new Unfinished(notesDir);
  return async (facts, signal) => {
    const started = clock.now();
    const findings = await probe(facts, { program, unfinished, startedMs: started.wallMs }, signal);
    const ended = clock.now();
    const tookMs = Math.round(ended.monoMs - started.monoMs);
    return { verifiedAtMs: ended.wallMs, tookMs, generation: facts.generation, findings };
  };
}

async function probe(
  facts: NetworkFacts,
  options: Omit<StepOptions, "facts">,
  signal: AbortSignal,
): Promise<IsolationReport["findings"]> {
  await options.unfinished.sweep(signal);
  await using scope = new Scope();
  // Before all else: it has had the longest time when it counts.
  const { answered } = scope.own(new OwnNames(facts));
  const [first, second] = await bothSteps({ facts, ...options }, scope, signal);
  // Not before: without a step on it the bridge is down, and has no link-local address.
  const machine = scope.own(await MachineListeners.open(facts));
  const neighbour = await listenIn(second, signal);
  await Promise.all([
    first.ip("-4", neighbourLines(facts.ipv4.gateway, second.mac, neighbour.routed.ipv4), signal),
    first.ip("-6", neighbourLines(facts.ipv6.gateway, second.mac, neighbour.routed.ipv6), signal),
  ]);
  const targets = planProbe(facts, {
    machine: machine.points,
    neighbour: Object.values(neighbour.direct),
    routedNeighbour: Object.values(neighbour.routed),
    answered,
  });
  const plan = { listen: [], tries: targets, nameservers: facts.nameservers };
  const { outcomes } = await first.probe.carryOut(plan, signal);
  await second.probe.end();
  const heard = [...second.probe.heard, ...machine.heardFrom([first.ipv4, first.ipv6])];
  return judgeProbe(targets, outcomes, heard, answered);
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
async function listenIn({ probe, ipv4, ipv6 }: StepNetwork, signal: AbortSignal) {
  const hosts = [ipv4, ipv6, ipv4, ipv6];
  const { listening: at } = await probe.carryOut({ listen: hosts, tries: [], nameservers: [] }, signal);
  const point = (index: number): ListeningPoint => {
    const listening = at[index];
    const host = hosts[index];
    if (listening && host !== undefined) return { host, ...listening };
    throw new AgentError("isolation.not-verified", `A probe cannot listen at ${host} in a network like a build's`, {
      retryable: true,
    });
  };
  return { direct: { ipv4: point(0), ipv6: point(1) }, routed: { ipv4: point(2), ipv6: point(3) } };
}
