import { buildkitsHistoryAgeMs, HISTORY_KEPT } from "./build-history.ts";
import { type CacheSpace, cacheSpace } from "./buildkit-space.ts";
import type { BuildkitSettings } from "./desired-state.ts";

/** A table of BuildKit's configuration file, under its own names. */
export interface ConfigTable {
  readonly [key: string]: ConfigValue;
}

export type ConfigValue = string | number | boolean | readonly string[] | readonly ConfigTable[] | ConfigTable;

/** Where this machine keeps what BuildKit needs. All paths are absolute. */
export interface BuildkitPlaces {
  /** BuildKit's root: the layer cache. */
  readonly rootDir: string;
  readonly socketPath: string;
  /**
   * Its own trace collector. Anybody may write to that socket: its directory must be closed to
   * others.
   */
  readonly traceSocketPath: string;
  /**
   * Its debug pages, of which some show customers' file names: its directory must be closed, too.
   * Absent: it serves none.
   */
  readonly debugSocketPath?: string;
  /** Path, or a name on PATH. */
  readonly runc: string;
  /** What builds have for a network; the name must end in `.conflist`. */
  readonly cniConfigPath: string;
  readonly cniBinaryDir: string;
  /**
   * Whether `cniConfigPath` is kept by whoever keeps the builds' network; if not, it comes with
   * BuildKit's configuration, and is a loopback only.
   */
  readonly bridged?: boolean;
  /**
   * "auto" takes another one, with a cache of its own, where overlayfs cannot be had: only for a
   * machine whose file systems nobody has chosen.
   */
  readonly snapshotter: "auto" | "overlayfs";
  /** Who may connect to the socket, if not the user that runs BuildKit alone. */
  readonly socketOwner?: { readonly uid: number; readonly gid: number };
  /**
   * The control group below which build steps get theirs; without one, at the root of the
   * hierarchy.
   */
  readonly cgroupParent?: string;
}

/**
 * The whole configuration of buildkitd (v0.33.1, cmd/buildkitd/config) for these settings on a disk
 * of `diskBytes`. `notes` tell where a setting was not taken as it is.
 */
export function buildkitConfig(
  settings: BuildkitSettings,
  diskBytes: number,
  places: BuildkitPlaces,
): { readonly config: ConfigTable; readonly notes: readonly string[] } {
  const { space, notes } = cacheSpace(settings, diskBytes);
  const fixed = fixedConfig(places);
  const registries = [...settings.registryMirrors].filter(([, mirrors]) => mirrors.length > 0);
  return {
    notes,
    config: {
      ...fixed,
      [OWN_TABLE]: {
        [STEP_LOG_MAX_BYTES]: settings.stepLogMaxBytes || STEP_LOG_DEFAULT_BYTES,
        [STEP_LOG_MAX_BYTES_PER_SECOND]: settings.stepLogMaxBytesPerSecond || STEP_LOG_DEFAULT_BYTES,
      },
      history: {
        maxAge: `${Math.floor(buildkitsHistoryAgeMs(settings.historyMaxAgeMs) / 1000)}s`,
        maxEntries: HISTORY_KEPT,
      },
      worker: {
        ...fixed.worker,
        oci: {
          ...fixed.worker.oci,
          gcpolicy: policies(space),
          ...(settings.maxParallelism > 0 && { "max-parallelism": settings.maxParallelism }),
        },
      },
      ...(registries.length > 0 && {
        registry: Object.fromEntries(registries.map(([host, mirrors]) => [host, { mirrors }])),
      }),
    },
  };
}

/**
 * A table of ours, which buildkitd passes over: what it takes from its environment only. In the
 * same file, so that it is judged, compared and put in force with the rest.
 */
export const OWN_TABLE = "builder-agent";
export const STEP_LOG_MAX_BYTES = "stepLogMaxBytes";
export const STEP_LOG_MAX_BYTES_PER_SECOND = "stepLogMaxBytesPerSecond";

/** BuildKit's own, 2 MiB and 200 KiB a second, clip the logs of ordinary test suites. */
const STEP_LOG_DEFAULT_BYTES = 10 * 1024 * 1024;

/**
 * Clients of clouds in BuildKit (caches in S3, in Azure's and Google's storage) ask this machine's
 * metadata for credentials where they were given none. The guard lets none of that through; so they
 * do not wait for it.
 */
const NO_METADATA = { AWS_EC2_METADATA_DISABLED: "true", NO_GCE_CHECK: "true" } as const;

/** What buildkitd's environment has to say with this configuration. Only whole numbers pass. */
export function buildkitEnvironment(config: Readonly<Record<string, unknown>>): Readonly<Record<string, string>> {
  const own = new Map(Object.entries(config[OWN_TABLE] ?? {}));
  const named = [
    ["BUILDKIT_STEP_LOG_MAX_SIZE", own.get(STEP_LOG_MAX_BYTES)],
    ["BUILDKIT_STEP_LOG_MAX_SPEED", own.get(STEP_LOG_MAX_BYTES_PER_SECOND)],
  ] as const;
  const numbers = named.flatMap(([name, value]) =>
    Number.isSafeInteger(value) ? [[name, String(value)] as const] : [],
  );
  return Object.fromEntries([...Object.entries(NO_METADATA), ...numbers]);
}

/**
 * What no setting changes. The network is always CNI: BuildKit's "auto" falls back to the host's.
 * Entitlements are none, explicitly, and CDI is off because it adds one ("device") on its own.
 */
export function fixedConfig(places: BuildkitPlaces) {
  const { socketOwner, cgroupParent, debugSocketPath } = places;
  return {
    root: places.rootDir,
    "insecure-entitlements": [],
    log: { format: "json", level: "info" },
    grpc: {
      address: [`unix://${places.socketPath}`],
      ...(debugSocketPath !== undefined && { debugAddress: `unix://${debugSocketPath}` }),
      ...(socketOwner !== undefined && { uid: socketOwner.uid, gid: socketOwner.gid }),
    },
    otel: { socketPath: places.traceSocketPath },
    system: { platformsCacheMaxAge: PLATFORMS_MAX_AGE },
    cdi: { disabled: true },
    worker: {
      containerd: { enabled: false },
      oci: {
        enabled: true,
        binary: places.runc,
        snapshotter: places.snapshotter,
        networkMode: "cni",
        cniConfigPath: places.cniConfigPath,
        cniBinaryPath: places.cniBinaryDir,
        gc: true,
        ...(cgroupParent !== undefined && { defaultCgroupParent: cgroupParent }),
      },
    },
  } satisfies ConfigTable;
}

/**
 * How long BuildKit believes what it found about the machines that this one can emulate. Its
 * default is 20 s: each ListWorkers after that starts ten processes to find out again. An emulator
 * that is installed later is found by a restart of BuildKit.
 */
const PLATFORMS_MAX_AGE = "24h";

/**
 * In order, each only if the one before freed too little. BuildKit compares the size of the WHOLE
 * cache with a policy's limits, and applies its filters and age only to what it then removes: so
 * "half full" tells when old easy things go. Cache mounts (package managers' caches) are kept
 * longer than BuildKit would: here they outlive the build on purpose.
 */
function policies({ reservedBytes, maxUsedBytes, minFreeBytes }: CacheSpace): readonly ConfigTable[] {
  const halfFull = Math.max(1, Math.floor(maxUsedBytes / 2));
  const limits = { reservedSpace: reservedBytes, maxUsedSpace: maxUsedBytes, minFreeSpace: minFreeBytes };
  return [
    { filters: ["type==source.local", "type==source.git.checkout"], keepDuration: "48h", maxUsedSpace: halfFull },
    { filters: ["type==exec.cachemount"], keepDuration: "336h", maxUsedSpace: halfFull },
    { keepDuration: "1440h", ...limits },
    { ...limits },
    { all: true, ...limits },
  ];
}
