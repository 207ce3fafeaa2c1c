import {
  type EndingObserved,
  EndOrderSource,
  Phase,
} from "../../../agent/adapters/grpc/gen/builder/agent/v1/observed_state.ts";
import type { Machine } from "../../control-plane/machine.ts";
import { addressOf } from "../../control-plane/peer.ts";
import type { ListedMachine } from "./request.ts";

const PHASES: ReadonlyMap<Phase, string> = new Map(
  Object.entries(Phase).map(([name, phase]) => [phase, name.toLowerCase()]),
);

const SOURCES: ReadonlyMap<EndOrderSource, string> = new Map(
  Object.entries(EndOrderSource).map(([name, source]) => [source, name.toLowerCase().replaceAll("_", "-")]),
);

/** Where its stream comes from, as in a URL; undefined while it is not attached. */
export function attachedFrom({ link }: Machine): string | undefined {
  return link && addressOf(link.peer);
}

export function describeMachine(machine: Machine): ListedMachine {
  const { id: machineId, project, architecture, lease, link, linkChangedAt, observed } = machine;
  const attached = link !== undefined;
  const versions = machine.hello?.versions ?? machine.versions;
  const address = attachedFrom(machine);
  const phase = observed && PHASES.get(observed.phase);
  return {
    machineId,
    ...project.ref,
    architecture,
    ...(lease !== undefined && { instance: lease.instance, generation: lease.generation }),
    attached,
    since: linkChangedAt.toISOString(),
    ...(address !== undefined && { address }),
    ...(phase !== undefined && { phase }),
    ready: attached && observed?.phase === Phase.READY,
    reasons: reasonsOf(machine),
    ...(observed?.ending && { ending: describeEnding(observed.ending) }),
    ...(versions !== undefined && { versions }),
  };
}

function describeEnding({ deadline, deadlineOf, at, steps }: EndingObserved): NonNullable<ListedMachine["ending"]> {
  return {
    deadline: (deadline ?? new Date(0)).toISOString(),
    deadlineOf: SOURCES.get(deadlineOf) ?? "unknown",
    at,
    steps: steps.map(({ name, outcome, took }) => ({
      name,
      outcome,
      tookMs: Number(took?.seconds ?? 0n) * 1_000 + Math.round((took?.nanos ?? 0) / 1e6),
    })),
  };
}

function reasonsOf({ link, observed, refused }: Machine): string[] {
  if (refused) return ["it is refused for good"];
  if (link === undefined) return ["it is not attached"];
  if (observed === undefined) return ["it has not said anything yet"];
  const { conditions, phaseReason, refusedReason } = observed;
  return [
    ...conditions.filter(({ ok, blocking }) => blocking && !ok).map(({ name, message }) => `${name}: ${message}`),
    ...[phaseReason, refusedReason && `it refuses what is wanted: ${refusedReason}`].filter(Boolean),
  ];
}
