import type { FaultName } from "./fault-names.ts";
import type { MetadataFault } from "./faults.ts";
import { SERVICE_NAMES, type ServiceName } from "./service-names.ts";
import type { StandIns } from "./stand-ins.ts";

/** A fault, as somebody orders it. */
export interface FaultOrder {
  readonly fault: FaultName | number;
  /** Default: all of them. */
  readonly at?: ServiceName;
  /** Default: whatever is asked. */
  readonly path?: string;
  /** Default: until it is cleared. */
  readonly times?: number;
  /** For a clock: by how much it is off. */
  readonly byMs?: number;
}

/** What one service does wrong at the moment, and how it has been asked. */
export interface ServiceState {
  readonly service: ServiceName;
  readonly at: string;
  readonly asked: number;
  readonly faults: readonly string[];
}

/** One byte in a while: an answer that never ends within any patience. */
const DRIP_EVERY_MS = 1_000;
/** Nobody is there: port 1 of the loopback is never listened on. */
const ELSEWHERE = "http://127.0.0.1:1/";

/** @throws {Error} for a fault that this service cannot have. */
export function orderFault(standIns: StandIns, { fault, at, path = "*", times, byMs }: FaultOrder): void {
  const { servers, imdsSwitches, clock } = standIns;
  const isImds = at === undefined || at === "imds";
  switch (fault) {
    case "clock-offset":
      if (byMs === undefined) throw new Error("A clock is off by some time: say --by, for instance --by -1h.");
      clock.offsetMs = byMs;
      return;
    case "v1-only":
    case "hop-limit":
    case "expired-token":
      if (!isImds) throw new Error(`Only EC2's metadata service can have ${fault}: --at imds.`);
      if (fault === "v1-only") imdsSwitches.v1Only = true;
      else if (fault === "hop-limit") imdsSwitches.beyondHopLimit = true;
      else imdsSwitches.expiresTokens = true;
      return;
    default:
      for (const service of at === undefined ? SERVICE_NAMES : [at])
        servers[service].faults.set(path, faultOf(fault), times);
  }
}

export function clearFaults({ servers, imdsSwitches, clock }: StandIns): void {
  for (const { faults } of Object.values(servers)) faults.clear();
  clock.offsetMs = 0;
  imdsSwitches.v1Only = false;
  imdsSwitches.beyondHopLimit = false;
  imdsSwitches.expiresTokens = false;
}

export function listFaults({ servers, imdsSwitches, clock, flySocket }: StandIns): readonly ServiceState[] {
  const { v1Only, beyondHopLimit, expiresTokens } = imdsSwitches;
  const ofImds = [...(v1Only ? ["v1-only"] : []), ...(beyondHopLimit ? ["hop-limit"] : [])];
  const switched = [...ofImds, ...(expiresTokens ? ["expired-token"] : [])];
  const ofClock = clock.offsetMs === 0 ? [] : [`clock-offset by ${clock.offsetMs / 1_000} s`];
  return SERVICE_NAMES.map((service) => {
    const server = servers[service];
    const set = server.faults.list().map(({ path, fault, left }) => {
      const often = left === Number.POSITIVE_INFINITY ? "" : `, ${left} times more`;
      return `${spelled(fault)} at ${path === "*" ? "every path" : path}${often}`;
    });
    return {
      service,
      at: service === "fly" ? `unix:${flySocket}` : server.url,
      asked: server.requests().length,
      faults: [...(service === "imds" ? switched : []), ...ofClock, ...set],
    };
  });
}

type HttpFault = Exclude<FaultOrder["fault"], "clock-offset" | "expired-token" | "hop-limit" | "v1-only">;

function faultOf(fault: HttpFault): MetadataFault {
  if (typeof fault === "number") return { kind: "status", status: fault };
  switch (fault) {
    case "wrong-type":
      return { kind: "type", type: "image/png" };
    case "drip":
      return { kind: "drip", everyMs: DRIP_EVERY_MS };
    case "redirect":
      return { kind: "redirect", to: ELSEWHERE };
    default:
      return { kind: fault };
  }
}

function spelled(fault: MetadataFault): string {
  return fault.kind === "status" ? String(fault.status) : fault.kind;
}
