import { agentEvents } from "./agent-events.ts";
import { buildkitChildEvents, buildkitEvents, buildkitUnitEvents, cacheKeeperEvents } from "./buildkit-events.ts";
import { controlPlaneEvents, recordEvents } from "./control-plane-events.ts";
import { debugEvents, terminalEvents } from "./debug-events.ts";
import { diagnosticsEvents, secretEvents } from "./diagnostics-events.ts";
import type { EventTable, Level, ProcessName } from "./event.ts";
import { gatewayEvents, linkEvents, linkServerEvents } from "./gateway-events.ts";
import { networkEvents, networkHostEvents, tailnetEvents } from "./network-events.ts";
import { noticeEvents } from "./notice-events.ts";
import { operatorsEvents } from "./operators-events.ts";
import { configEvents, processEvents, unitEvents } from "./process-events.ts";
import { launcherEvents, volumeEvents } from "./service-events.ts";
import { traceEvents } from "./trace-events.ts";

export interface EventGroup {
  readonly about: string;
  /** Which processes log them. */
  readonly by: readonly ProcessName[];
  readonly events: EventTable;
}

const EVERYBODY = ["control", "gateway", "launcher", "buildkit", "network", "volume", "terminal"] as const;

/** Every event there is, each once, in the order of `docs/events.md`. */
export const EVENT_GROUPS = [
  { about: "The agent", by: ["control"], events: agentEvents },
  { about: "The control plane, identity and certificates", by: ["control"], events: controlPlaneEvents },
  { about: "Session records", by: ["control"], events: recordEvents },
  { about: "The gateway", by: ["gateway"], events: { ...gatewayEvents, ...linkServerEvents } },
  { about: "The link between both", by: ["gateway", "control"], events: linkEvents },
  { about: "BuildKit and its cache", by: ["control"], events: buildkitEvents },
  { about: "The cache around BuildKit's start", by: ["buildkit", "launcher"], events: cacheKeeperEvents },
  { about: "BuildKit's unit", by: ["buildkit"], events: buildkitUnitEvents },
  { about: "buildkitd without systemd", by: ["launcher"], events: buildkitChildEvents },
  { about: "The cache volume", by: ["volume"], events: volumeEvents },
  { about: "The builds' network", by: ["control"], events: networkEvents },
  { about: "The builds' network, as root", by: ["network", "launcher"], events: networkHostEvents },
  { about: "The tailnet", by: ["control"], events: tailnetEvents },
  { about: "Debug terminals", by: ["control"], events: debugEvents },
  { about: "A terminal's process", by: ["terminal"], events: terminalEvents },
  { about: "Operators", by: ["control"], events: operatorsEvents },
  { about: "Bundles for support", by: ["control"], events: diagnosticsEvents },
  { about: "Notices of the platform", by: ["control"], events: noticeEvents },
  { about: "Traces", by: ["control"], events: traceEvents },
  { about: "What bundles are searched for", by: ["control", "gateway"], events: secretEvents },
  { about: "The launcher", by: ["launcher"], events: launcherEvents },
  { about: "The configuration", by: ["control", "gateway", "launcher"], events: configEvents },
  { about: "The service manager", by: ["control", "gateway"], events: unitEvents },
  { about: "Any process", by: EVERYBODY, events: processEvents },
] as const satisfies readonly EventGroup[];

type Tables = (typeof EVENT_GROUPS)[number]["events"];
type NameIn<T> = T extends unknown ? Extract<keyof T, string> : never;
type FactsIn<T, E extends string> = T extends Readonly<Record<E, infer F>> ? F : never;

/** The stable name of an event. */
export type EventName = NameIn<Tables>;
type Facts<E extends EventName> = E extends unknown ? FactsIn<Tables, E> : never;
type FieldOf<E extends EventName> = Facts<E>["fields"][number];
/** Names that are always there, and those that may be absent. */
type Sure<F> = F extends `${string}?` | "*" ? never : F;
type Perhaps<F> = F extends `${infer Name}?` ? Name : F extends "*" ? string : never;

export type LevelOf<E extends EventName> = Facts<E>["at"][number];
/** Events that are logged at this level. */
export type EventAt<L extends Level> = {
  [E in EventName]: L extends LevelOf<E> ? E : never;
}[EventName];
/** The data of an event: no name too few, and none that its table does not know. */
export type EventData<E extends EventName> = E extends unknown
  ? Readonly<Record<Sure<FieldOf<E>>, unknown>> & Readonly<Partial<Record<Perhaps<FieldOf<E>>, unknown>>>
  : never;
