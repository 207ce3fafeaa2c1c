import { randomUUID } from "node:crypto";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { GrpcBuildkitCache } from "../../agent/adapters/buildkit/grpc-cache.ts";
import { readPreparation } from "../../agent/adapters/buildkit/preparation-file.ts";
import { settleFilesystem } from "../../agent/adapters/volume/settle-filesystem.ts";
import type { Settled } from "../../agent/adapters/volume/settled.ts";
import { Steps } from "../../agent/adapters/volume/steps.ts";
import { volumeHost } from "../../agent/adapters/volume/volume-host.ts";
import { Scope } from "../../agent/lifecycle/scope.ts";
import { TempDir } from "../../sandbox/stack/temp-dir.ts";
import { sh } from "../volume/disk-image.ts";
import type { Cut } from "./cut.ts";
import { type Filesystem, PowerStage } from "./power-stage.ts";
import type { Recording } from "./recording.ts";

/** What became of a disk whose power was cut. */
export interface Verdict {
  readonly cut: Cut;
  /** What is broken of what was promised; nothing, where all is well. */
  readonly faults: readonly string[];
  /** Builds that had passed before. */
  readonly passed: number;
  /** Of them those whose layers are no longer there: they were made again. */
  readonly lost: number;
  /** How the file system was found. */
  readonly check: string;
  /** How BuildKit's last end was found, and what was set aside for it. */
  readonly lastEnd: string;
  readonly quarantined: string;
  readonly tookMs: number;
}

const { signal } = new AbortController();
const FRESH = { name: "fresh", by: "run" } as const;
/** Characters. */
const LAST_WORDS = 2_000;

/**
 * Puts a cut's image, which it writes to, into a machine: checks and mounts it as the agent does,
 * starts BuildKit as the agent does, and builds everything once more that had passed before, with
 * something new.
 */
export async function nextMachine(recording: Recording, cut: Cut, image: string): Promise<Verdict> {
  const beganMs = performance.now();
  const { filesystem, log } = recording;
  const until = log.requests[cut.after - 1]?.logBytes ?? 0;
  const before = recording.passed.filter(({ logBytes }) => logBytes <= until);
  const prunedAt = recording.prunedAtBytes.findLast((bytes) => bytes <= until) ?? 0;

  await using scope = new Scope();
  const { path: dir } = scope.own(await TempDir.make(join(tmpdir(), "power-")));
  const device = sh("losetup", ["--find", "--show", image]).trim();
  scope.defer(() => void sh("losetup", ["--detach", device]));
  const { check } = await settled(dir, device, filesystem);
  const stage = scope.own(await PowerStage.mount(filesystem, device, "after"));
  const { bench } = stage;
  await bench.up();
  const prepared = await readPreparation(bench.preparedFile);
  if (prepared?.lastEnd === "unclean") {
    using cache = new GrpcBuildkitCache(bench.places.socketPath, bench.cacheDir);
    await cache.forgetTransfers(signal);
  }
  const recipes = before.map(({ recipe }) => recipe);
  const built = await stage.build([...recipes, FRESH]).catch((failure: unknown) => ({
    faults: [`the next build failed: ${String(failure).slice(-LAST_WORDS)}`],
    cached: [] as string[],
  }));
  const lost = before.filter(({ recipe, logBytes }) => logBytes > prunedAt && !built.cached.includes(recipe.name));
  const isTold = prepared?.lastEnd === "unclean" || check === "rebuilt" || prepared?.quarantined !== undefined;
  const untold = lost.length > 0 && !isTold ? [`${lost.length} layers are lost, and nobody is told`] : [];
  return {
    cut,
    faults: [...built.faults, ...untold],
    passed: before.length,
    lost: lost.length,
    check,
    lastEnd: prepared?.lastEnd ?? "unknown",
    quarantined: prepared?.quarantined?.what ?? "nothing",
    tookMs: performance.now() - beganMs,
  };
}

/** As the volume's unit does, but that a loop device stands for the mapping. */
function settled(dir: string, path: string, filesystem: Filesystem): Promise<Settled> {
  const host = volumeHost({
    bootId: randomUUID(),
    volumeRuntimeDir: join(dir, "run"),
    volumeStateDir: join(dir, "state"),
  });
  const mappings = { path, able: () => Promise.resolve(true), look: () => Promise.resolve(undefined) };
  return settleFilesystem({ ...host, mappings }, filesystem, "kept", new Steps(() => undefined), signal);
}
