import { randomUUID } from "node:crypto";
import { EventEmitter, once } from "node:events";
import { z } from "zod";
import { MACHINE } from "./machine.ts";
import { NOTICES, type NoticeName } from "./notice-names.ts";
import { type Asked, json, page, plain, type Reply } from "./reply.ts";

/** A notice, as somebody orders it. */
export interface NoticeOrder {
  /** "none": each platform takes back what it has announced. */
  readonly notice: NoticeName | "none";
  /** Default: as long as the platform gives. Google's says no time, whatever is ordered. */
  readonly inMs?: number;
  /** Azure: the machines that it concerns. Default: this one. */
  readonly resources?: readonly string[];
}

interface AzureEvent {
  readonly EventId: string;
  readonly EventType: string;
  readonly ResourceType: "VirtualMachine";
  readonly Resources: readonly string[];
  readonly EventStatus: "Scheduled" | "Started";
  readonly NotBefore: string;
  readonly Description: string;
  readonly EventSource: "Platform";
  readonly DurationInSeconds: number;
}

/** What is in force of one platform's: by its name, and at which moment of the platform's clock. */
interface Announced {
  readonly name: NoticeName;
  readonly atMs: number;
}

/**
 * What the platforms announce to this machine, each as it is documented: EC2's user guide, Compute
 * Engine's "View and query VM metadata", Azure's "Scheduled Events".
 */
export class PlatformNotices {
  readonly #now: () => number;
  readonly #turns = new EventEmitter().setMaxListeners(0);
  #aws: readonly Announced[] = [];
  #gcp: readonly Announced[] = [];
  #azure: readonly AzureEvent[] = [];
  #incarnation = 1;

  constructor(now: () => number = Date.now) {
    this.#now = now;
  }

  announce({ notice, inMs, resources = [MACHINE.azure.name] }: NoticeOrder): void {
    if (notice === "none") [this.#aws, this.#gcp, this.#azure] = [[], [], []];
    else {
      const { of, inMs: usualMs } = NOTICES[notice];
      const atMs = this.#now() + (inMs ?? usualMs);
      const one = { name: notice, atMs };
      if (of === "aws") this.#aws = [...this.#aws.filter(({ name }) => name !== notice), one];
      else if (of === "gcp") this.#gcp = [...this.#gcp.filter(({ name }) => name !== notice), one];
      else this.#azure = [...this.#azure, azureEvent(notice, atMs, resources)];
    }
    this.#incarnation += 1;
    this.#turns.emit("turn");
  }

  /** In words, by platform. */
  list(): readonly string[] {
    const words = ({ name, atMs }: Announced): string => `${name} at ${new Date(atMs).toISOString()}`;
    const events = this.#azure.map(({ EventType, EventStatus, NotBefore, Resources }) =>
      `${EventType.toLowerCase()} of ${Resources.join(", ")}: ${EventStatus} ${NotBefore}`.trim(),
    );
    return [...this.#aws.map(words), ...this.#gcp.map(words), ...events];
  }

  /** Undefined: not a path of notices. */
  aws(path: string): Reply | undefined {
    const find = (...names: readonly NoticeName[]) => this.#aws.find(({ name }) => names.includes(name));
    switch (path) {
      case "/latest/meta-data/spot/instance-action": {
        const spot = find("spot-terminate", "spot-stop", "spot-hibernate");
        if (spot === undefined) return page(404);
        return plain(JSON.stringify({ action: spot.name.slice("spot-".length), time: seconds(spot.atMs) }));
      }
      case "/latest/meta-data/events/recommendations/rebalance": {
        const rebalance = find("rebalance");
        return rebalance === undefined ? page(404) : plain(JSON.stringify({ noticeTime: seconds(rebalance.atMs) }));
      }
      case "/latest/meta-data/events/maintenance/scheduled":
        return plain(JSON.stringify(this.#aws.filter(({ name }) => name === "maintenance").map(maintenance)));
      case "/latest/meta-data/autoscaling/target-lifecycle-state":
        return plain(find("target-terminated") === undefined ? "InService" : "Terminated");
      default:
        return undefined;
    }
  }

  /**
   * Undefined: not a path of notices. Held back as long as it is asked for, and nothing changes.
   */
  gcp({ path, query }: Asked): Promise<Reply> | undefined {
    const value = (): string | undefined => {
      const has = (name: NoticeName): boolean => this.#gcp.some((one) => one.name === name);
      if (path === "/computeMetadata/v1/instance/preempted") return has("preempted") ? "TRUE" : "FALSE";
      if (path !== "/computeMetadata/v1/instance/maintenance-event") return undefined;
      if (has("host-maintenance")) return "TERMINATE_ON_HOST_MAINTENANCE";
      return has("live-migration") ? "MIGRATE_ON_HOST_MAINTENANCE" : "NONE";
    };
    return value() === undefined ? undefined : this.#held(query, () => value() ?? "");
  }

  /** Undefined: not a path of notices. */
  azure({ method, path, body }: Pick<Asked, "method" | "path" | "body">): Reply | undefined {
    if (path === "/metadata/instance/compute") return json({ name: MACHINE.azure.name, vmId: MACHINE.azure.vmId });
    if (path !== "/metadata/scheduledevents") return undefined;
    if (method === "GET") return json({ DocumentIncarnation: this.#incarnation, Events: this.#azure });
    const ids = startRequests(body);
    if (ids === undefined || !ids.every((id) => this.#azure.some(({ EventId }) => EventId === id)))
      return json({ error: "Bad request" }, 400);
    this.#azure = this.#azure.map((event) =>
      ids.includes(event.EventId) ? { ...event, EventStatus: "Started", NotBefore: "" } : event,
    );
    this.#incarnation += 1;
    return { status: 200, body: "" };
  }

  async #held(query: URLSearchParams, value: () => string): Promise<Reply> {
    const last = query.get("last_etag");
    const untilMs = performance.now() + Math.min(60, Number(query.get("timeout_sec") ?? 60)) * 1_000;
    while (query.get("wait_for_change") === "true" && etagOf(value()) === last) {
      const leftMs = untilMs - performance.now();
      if (leftMs <= 0) break;
      const patience = AbortSignal.timeout(Math.ceil(leftMs));
      await once(this.#turns, "turn", { signal: patience }).catch(() => undefined);
    }
    return { ...plain(value()), type: "application/text", headers: { ETag: etagOf(value()) } };
  }
}

function azureEvent(name: NoticeName, atMs: number, resources: readonly string[]): AzureEvent {
  return {
    EventId: randomUUID().toUpperCase(),
    EventType: `${name.charAt(0).toUpperCase()}${name.slice(1)}`,
    ResourceType: "VirtualMachine",
    Resources: resources,
    EventStatus: "Scheduled",
    NotBefore: new Date(atMs).toUTCString(),
    Description: "The sandbox's own order.",
    EventSource: "Platform",
    DurationInSeconds: -1,
  };
}

function maintenance({ atMs }: Announced) {
  return {
    NotBefore: ec2Stamp(atMs),
    Code: "system-reboot",
    Description: "The instance is scheduled for a reboot",
    EventId: "instance-event-0d59937288b749b32",
    NotAfter: ec2Stamp(atMs + 7_200_000),
    State: "active",
  };
}

/** "21 Jan 2019 09:00:43 GMT" */
function ec2Stamp(atMs: number): string {
  return new Date(atMs).toUTCString().slice("Mon, ".length);
}

function seconds(atMs: number): string {
  return new Date(atMs).toISOString().replace(/\.\d+Z$/, "Z");
}

function etagOf(value: string): string {
  return Buffer.from(value).toString("hex").slice(0, 16);
}

const START_REQUESTS = z.object({ StartRequests: z.array(z.object({ EventId: z.string() })) });

function startRequests(body: string): readonly string[] | undefined {
  try {
    return START_REQUESTS.parse(JSON.parse(body)).StartRequests.map(({ EventId }) => EventId);
  } catch {
    return undefined;
  }
}
