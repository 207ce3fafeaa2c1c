import type { Container } from "../../../test/nspawn/stage/container.ts";
import { entriesOf } from "../../../test/nspawn/stage/journal.ts";
import type { SeenChapter, SeenEvent, SeenUnit } from "./boot-record.ts";

/** Of the agent, in the order in which they are asked for. Targets and mounts take no time. */
const UNITS = [
  "builder-agent.socket",
  "builder-agent-volume.socket",
  "builder-agent-network.socket",
  "builder-agent-gateway.service",
  "builder-agent-control.service",
  "builder-agent-volume.service",
  "buildkitd.service",
] as const;

const LOGGED = ["builder-agent-gateway.service", "builder-agent-control.service"] as const;

export async function unitsOf(container: Pick<Container, "show">): Promise<readonly SeenUnit[]> {
  const seen = await Promise.all(
    UNITS.map(async (name) => {
      const times = await container.show(name, "InactiveExitTimestampMonotonic", "ActiveEnterTimestampMonotonic");
      const startedMs = Number(times.InactiveExitTimestampMonotonic) / 1_000;
      const activeMs = Number(times.ActiveEnterTimestampMonotonic) / 1_000;
      return { name, startedMs, ...(activeMs > 0 && { activeMs }) };
    }),
  );
  return seen.filter(({ startedMs }) => startedMs > 0);
}

/** Of the boot that began at `sinceMs`: the journal has the boots before as well. */
export async function eventsOf(container: Pick<Container, "run">, sinceMs: number): Promise<readonly SeenEvent[]> {
  const entries = await Promise.all(
    LOGGED.map(async (unit) => (await entriesOf(container, unit)).map((entry) => ({ ...entry, unit }))),
  );
  return entries
    .flat()
    .filter(({ monoMs }) => monoMs >= sinceMs)
    .map(({ unit, event, monoMs, data: { chapters } }) => ({
      unit,
      event,
      atMs: monoMs,
      ...(Array.isArray(chapters) && { chapters: chapters as readonly SeenChapter[] }),
    }));
}
