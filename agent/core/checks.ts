import { VIEW_MAX_AGE_MS } from "./allow-set.ts";
import type { DesiredState } from "./desired-state.ts";
import { DISK_FULL_BYTES, type DiskRelief } from "./disk-relief.ts";
import { type Finding, finding } from "./health.ts";
import { ageMs, type Instant } from "./instant.ts";
import type { Resources } from "./machine.ts";
import { buildNetwork, isolation, tailnet } from "./network-checks.ts";
import type {
  BuildkitView,
  CacheView,
  CertificatesView,
  GatewayView,
  IsolationView,
  NetworkView,
  PlaneView,
  TailnetView,
} from "./views.ts";
import type { OpenedVolume } from "./volume/order.ts";

export interface Surroundings {
  readonly gateway: GatewayView;
  readonly buildkit: BuildkitView;
  readonly plane: PlaneView;
  readonly certificates: CertificatesView;
  readonly desired: DesiredState | undefined;
  readonly resources: Resources | undefined;
  readonly relief: DiskRelief;
  readonly records: { readonly waiting: number; readonly dropped: number };
  readonly cache: CacheView;
  readonly requireEncryption: boolean;
  readonly network: NetworkView;
  readonly isolation: IsolationView;
  readonly tailnet: TailnetView;
  /** What this agent can do on this machine, as it told the control plane. */
  readonly capabilities: readonly string[];
}

/** Certificates are judged by the clock: a larger skew makes fresh ones look not yet valid. */
const CLOCK_SKEW_LIMIT_MS = 60_000;

/** Every check, always in this order. Blocking ones decide readiness; the others inform. */
export function findings(around: Surroundings, now: Instant): readonly Finding[] {
  return [
    gateway(around.gateway),
    serving(around.gateway, now.wallMs),
    machineCertificate(around.certificates, now.wallMs),
    plane(around.plane),
    view(around.plane, now),
    desired(around.desired, around.plane),
    cacheVolume(around.cache, around.desired),
    encryption(around.cache, around.requireEncryption),
    buildNetwork(around.network),
    isolation(around.isolation, around.network),
    tailnet(around.tailnet, around.desired?.tailnet, around.network),
    buildkit(around.buildkit),
    disk(around.resources, around.relief),
    records(around.records),
    clock(around.plane),
    unsupported(around.desired, around.capabilities),
  ];
}

function gateway(view: GatewayView): Finding {
  if (!view.connected) return finding("gateway", true, false, "The gateway's process does not answer on its socket");
  if (!view.listening) return finding("gateway", true, false, "The gateway does not listen yet");
  return finding("gateway", true, true, `Listening, ${view.open.size} sessions open`);
}

function serving(view: GatewayView, nowMs: number): Finding {
  const until = view.servingNotAfterMs;
  if (until === undefined)
    return finding("serving-certificate", true, false, "The gateway has no serving certificate yet");
  return until > nowMs
    ? finding("serving-certificate", true, true, `Valid until ${iso(until)}`)
    : finding("serving-certificate", true, false, `Expired at ${iso(until)}: the control plane did not renew it`);
}

function machineCertificate(view: CertificatesView, nowMs: number): Finding {
  const until = view.machineNotAfterMs;
  if (until === undefined)
    return finding("machine-certificate", true, false, "Not registered with the control plane yet");
  if (until <= nowMs)
    return finding(
      "machine-certificate",
      true,
      false,
      `Expired at ${iso(until)}; last error: ${view.lastRenewalError}`,
    );
  const trouble = view.lastRenewalError === "" ? "" : `; the last renewal failed: ${view.lastRenewalError}`;
  return finding("machine-certificate", true, true, `Valid until ${iso(until)}${trouble}`);
}

/** Not blocking: what is open stays open while the view is young; `control-plane-view` blocks when it is old. */
function plane(view: PlaneView): Finding {
  return view.attached
    ? finding("control-plane", false, true, "Attached")
    : finding("control-plane", false, false, `Not attached: ${view.lastFailure}`);
}

function view(plane: PlaneView, now: Instant): Finding {
  if (plane.confirmedAt === undefined) {
    return finding(
      "control-plane-view",
      true,
      false,
      "The control plane has not sent a desired state since this process started",
    );
  }
  const age = ageMs(plane.confirmedAt, now);
  return age <= VIEW_MAX_AGE_MS
    ? finding("control-plane-view", true, true, "Confirmed within the last 5 minutes")
    : finding(
        "control-plane-view",
        true,
        false,
        `Last confirmed ${Math.round(age / 1000)} s ago: nothing new is let in`,
      );
}

function desired(state: DesiredState | undefined, plane: PlaneView): Finding {
  if (plane.refused !== undefined) {
    return finding(
      "desired-state",
      false,
      false,
      `Revision ${plane.refused.revision} was refused: ${plane.refused.because}`,
    );
  }
  return state === undefined
    ? finding("desired-state", false, false, "None yet")
    : finding("desired-state", false, true, `Revision ${state.revision} is in force`);
}

function buildkit(view: BuildkitView): Finding {
  return finding("buildkit", true, view.at === "ready", view.message);
}

function disk(resources: Resources | undefined, relief: DiskRelief): Finding {
  if (resources === undefined) return finding("disk", true, false, "Not looked at yet");
  const { cacheFreeBytes: free, cacheSizeBytes: size } = resources;
  const text = `${mib(free)} of ${mib(size)} MiB free`;
  const done = relief.message === "" ? "" : `; ${relief.message}`;
  if (free < DISK_FULL_BYTES)
    return finding("disk", true, false, `${text}: builds are refused below ${mib(DISK_FULL_BYTES)} MiB${done}`);
  return finding("disk", true, true, `${text}${done}`);
}

function records({ waiting, dropped }: Surroundings["records"]): Finding {
  return dropped === 0
    ? finding("records", false, true, `${waiting} wait for the control plane's acknowledgement`)
    : finding(
        "records",
        false,
        false,
        `${dropped} session records were dropped because the journal was full; ${waiting} wait`,
      );
}

function clock(plane: PlaneView): Finding {
  const skew = plane.clockSkewMs;
  if (skew === undefined) return finding("clock", false, true, "Not compared with the control plane's yet");
  const text = `${Math.abs(skew) < 1000 ? "Within 1 s of" : `${Math.round(skew / 1000)} s off`} the control plane's clock`;
  return finding("clock", false, Math.abs(skew) <= CLOCK_SKEW_LIMIT_MS, text);
}

/** A cache that was asked for and cannot be had is never replaced by another one in silence. */
function cacheVolume(view: CacheView, desired: DesiredState | undefined): Finding {
  switch (view.at) {
    case "waiting":
      return finding("cache-volume", true, false, "Waits for the control plane to say which cache it wants");
    case "opening":
      return finding("cache-volume", true, false, "Being opened");
    case "failed":
      return finding("cache-volume", true, false, `Cannot be opened: ${view.because}`);
    case "closed":
      return finding("cache-volume", true, false, "Closed: this machine is at its end");
    case "open":
      return openVolume(view.volume, desired);
    default:
      return view satisfies never;
  }
}

function openVolume(
  { encrypted, device, filesystem, volumeId, check }: OpenedVolume,
  desired: DesiredState | undefined,
) {
  if (!encrypted) return finding("cache-volume", true, true, "A plain directory");
  const wanted = desired?.cacheVolume;
  if (wanted !== undefined && wanted.volumeId !== volumeId)
    return finding(
      "cache-volume",
      false,
      false,
      `${volumeId} is open, but the control plane now wants ${wanted.volumeId}: a cache is not exchanged before the next boot`,
    );
  const mended =
    check === "repaired" || check === "rebuilt" ? `; its file system was ${check} after an unclean end` : "";
  return finding("cache-volume", true, true, `${volumeId} is open on ${device} (${filesystem})${mended}`);
}

function encryption(view: CacheView, required: boolean): Finding {
  if (view.at !== "open") return finding("encryption", false, true, "No cache is open");
  return view.volume.encrypted
    ? finding("encryption", required, true, "The cache is encrypted")
    : finding("encryption", required, false, "NOT ENCRYPTED: the cache is in a plain directory");
}

function unsupported(state: DesiredState | undefined, capabilities: readonly string[]): Finding {
  const asked = (state?.asksFor ?? []).filter((capability) => !capabilities.includes(capability));
  return asked.length === 0
    ? finding("unsupported", false, true, "The control plane asks for nothing that this agent cannot do")
    : finding("unsupported", false, false, `The control plane asks for what this agent cannot do: ${asked.join(", ")}`);
}

function iso(ms: number): string {
  return new Date(ms).toISOString();
}

function mib(bytes: number): number {
  return Math.floor(bytes / 1024 / 1024);
}
