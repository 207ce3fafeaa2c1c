import { CONTRACT_LIMITS } from "../../core/contract-limits.ts";
import type { BuildkitSettings } from "../../core/desired-state.ts";
import { ContractBreach, quoted } from "./contract-breach.ts";
import type { BuildkitSettings as BuildkitSettingsProto } from "./gen/builder/agent/v1/desired_state.ts";
import { durationMs, requireAtMost, safeInteger } from "./scalars-from-proto.ts";

const HOST = String.raw`(?:[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?|\[[0-9A-Fa-f:.]+\])(?::\d{1,5})?`;
/** As in image names: "registry.example", "127.0.0.1:5000", "[::1]:5000". */
const REGISTRY = new RegExp(`^${HOST}$`);
/** BuildKit takes a host, optionally with a path. */
const MIRROR = new RegExp(`^${HOST}(?:/[A-Za-z0-9._~-]+)*$`);

const MINUTE_MS = 60_000;
const DAY_MS = 24 * 60 * MINUTE_MS;
const HISTORY_MAX_AGE_MS = 366 * DAY_MS;

const DEFAULTS: BuildkitSettings = {
  reservedSpaceBytes: 0,
  maxUsedSpaceBytes: 0,
  minFreeSpaceBytes: 0,
  maxParallelism: 0,
  registryMirrors: new Map(),
  historyMaxAgeMs: DAY_MS,
  stepLogMaxBytes: 0,
  stepLogMaxBytesPerSecond: 0,
};

/** @throws {ContractBreach} */
export function buildkitSettingsFromProto(settings: BuildkitSettingsProto | undefined): BuildkitSettings {
  if (settings === undefined) return DEFAULTS;
  return {
    reservedSpaceBytes: safeInteger("buildkit.reserved_space_bytes", settings.reservedSpaceBytes),
    maxUsedSpaceBytes: safeInteger("buildkit.max_used_space_bytes", settings.maxUsedSpaceBytes),
    minFreeSpaceBytes: safeInteger("buildkit.min_free_space_bytes", settings.minFreeSpaceBytes),
    maxParallelism: settings.maxParallelism,
    registryMirrors: registryMirrors(settings.registryMirrors),
    historyMaxAgeMs: historyMaxAgeMs(settings.historyMaxAge),
    stepLogMaxBytes: stepLogBytes("buildkit.step_log_max_bytes", settings.stepLogMaxBytes),
    stepLogMaxBytesPerSecond: stepLogBytes("buildkit.step_log_max_bytes_per_second", settings.stepLogMaxBytesPerSecond),
  };
}

function historyMaxAgeMs(age: BuildkitSettingsProto["historyMaxAge"]): number {
  if (age === undefined) return DEFAULTS.historyMaxAgeMs;
  const field = "buildkit.history_max_age";
  const ms = durationMs(field, age, HISTORY_MAX_AGE_MS);
  if (ms < MINUTE_MS) throw new ContractBreach(field, `is ${ms / 1_000} s, less than a minute`);
  return ms;
}

function stepLogBytes(field: string, value: bigint): number {
  const bytes = safeInteger(field, value);
  const limit = CONTRACT_LIMITS.stepLogBytes;
  if (bytes > limit) throw new ContractBreach(field, `is ${bytes}, more than the limit of ${limit}`);
  return bytes;
}

function registryMirrors(byRegistry: BuildkitSettingsProto["registryMirrors"]): ReadonlyMap<string, readonly string[]> {
  const field = "buildkit.registry_mirrors";
  const { registries, mirrorsPerRegistry, hostCharacters } = CONTRACT_LIMITS;
  requireAtMost(field, Object.keys(byRegistry).length, registries, "registries");
  return new Map(
    Object.entries(byRegistry).map(([registry, { mirrors }]) => {
      if (!REGISTRY.test(registry)) throw new ContractBreach(field, `names ${quoted(registry)}, not a registry's host`);
      requireAtMost(`${field}[${quoted(registry)}]`, mirrors.length, mirrorsPerRegistry, "mirrors");
      const longest = Math.max(registry.length, ...mirrors.map(({ length }) => length));
      requireAtMost(`${field}[${quoted(registry)}]`, longest, hostCharacters, "characters in a host");
      const wrong = mirrors.find((mirror) => !MIRROR.test(mirror));
      if (wrong !== undefined)
        throw new ContractBreach(field, `gives ${quoted(registry)} the mirror ${quoted(wrong)}, not a host`);
      return [registry, mirrors];
    }),
  );
}
