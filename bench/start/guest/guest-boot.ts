import { BenchFailed } from "../../failure.ts";
import type { SeenEvent, SeenUnit } from "../boot/boot-record.ts";

const CONTROL = "builder-agent-control.service";
const GATEWAY = "builder-agent-gateway.service";
const BUILDKIT = "buildkitd.service";

/** Where a boot of the emulated guest went: fewer chapters, for nobody watches its programs. */
export interface GuestBoot {
  /** From the agent's first unit to ready. */
  readonly totalMs: number;
  /** Since that unit; some run beside each other. */
  readonly chapters: readonly { readonly name: string; readonly beganMs: number; readonly tookMs: number }[];
}

/** @throws {BenchFailed} If something is missing that every boot has. */
export function guestBoot(units: readonly SeenUnit[], events: readonly SeenEvent[]): GuestBoot {
  const unit = (name: string): SeenUnit => units.find((one) => one.name === name) ?? missing(name);
  const event = (of: string, name: string): SeenEvent =>
    events.find((one) => one.unit === of && one.event === name) ?? missing(`${of}'s ${name}`);
  const first = Math.min(...units.map(({ startedMs }) => startedMs));
  const span = (name: string, fromMs: number, toMs: number) => ({
    name,
    beganMs: fromMs - first,
    tookMs: toMs - fromMs,
  });
  const up = (name: string): number => unit(name).activeMs ?? Number.NaN;
  const ready = event(CONTROL, "agent.ready");
  // Its chapters count from its process's begin, and the last of them is all of it.
  const all = ready.chapters?.find(({ name }) => name === "ready");
  const processMs = ready.atMs - (all === undefined ? Number.NaN : all.beganMs + all.tookMs);
  return {
    totalMs: ready.atMs - first,
    chapters: [
      span("control: unit to up", unit(CONTROL).startedMs, up(CONTROL)),
      span("gateway: unit to listening", unit(GATEWAY).startedMs, event(GATEWAY, "gateway.listening").atMs),
      ...(ready.chapters ?? []).map(({ name, beganMs, tookMs }) =>
        span(`control: ${name}`, processMs + beganMs, processMs + beganMs + tookMs),
      ),
      span("BuildKit: unit to serving", unit(BUILDKIT).startedMs, up(BUILDKIT)),
      span("BuildKit: its network tried", up(BUILDKIT), event(CONTROL, "buildkit.ready").atMs),
      span("BuildKit: its first step", up(BUILDKIT), event(CONTROL, "buildkit.step-ran").atMs),
    ],
  };
}

function missing(what: string): never {
  throw new BenchFailed(`The guest's boot lacks ${what}.`);
}
