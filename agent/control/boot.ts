import type { Boot } from "../core/machine.ts";
import type { Clock } from "../ports/clock.ts";
import type { Log } from "../ports/log.ts";
import type { Machine } from "../ports/machine.ts";

/** Looks at the machine. */
export async function lookAround(
  { machine, clock, log }: { machine: Machine; clock: Clock; log: Log },
  { startedMonoMs, capabilities, addresses }: Pick<Boot, "startedMonoMs" | "capabilities" | "addresses">,
  signal: AbortSignal,
): Promise<Boot> {
  const facts = machine.facts(signal);
  facts.catch(() => undefined);
  const versions = machine.versions();
  const bootId = await machine.bootId();
  const runId = Array.from({ length: 16 }, () => Math.floor(clock.random() * 16).toString(16)).join("");
  void versions.then(
    (known) => log.info({ bootId, runId, ...known }, "agent.started"),
    (err: unknown) => log.error({ bootId, runId, err }, "agent.started"),
  );
  return { bootId, runId, startedMonoMs, capabilities, addresses, versions, facts };
}
