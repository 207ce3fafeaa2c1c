import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { performance } from "node:perf_hooks";
import type { BuildkitPlaces } from "../../core/buildkit-config.ts";
import {
  type CacheVerdict,
  crashesAfter,
  type DatabaseState,
  judgeCache,
  type RunEnd,
} from "../../core/buildkit-health.ts";
import { Deadline } from "../../lifecycle/deadline.ts";
import type { Preparation, StartInputs } from "../../ports/buildkit.ts";
import type { Log } from "../../ports/log.ts";
import { checkDatabase } from "./check-database.ts";
import { type DatabaseFile, databasesUnder } from "./databases.ts";
import { DiskReserve } from "./disk-reserve.ts";
import { holdsOwnLock, markInUse, readInUse, refuseIfRunning, unmarkInUse } from "./in-use.ts";
import { removeLostSnapshots } from "./lost-snapshots.ts";
import { writePreparation } from "./preparation-file.ts";
import { Quarantine } from "./quarantine.ts";

export interface CacheKeeperOptions {
  readonly places: Pick<BuildkitPlaces, "rootDir" | "socketPath" | "traceSocketPath">;
  /** BuildKit's root lies in it, and beside that what is set aside: one file system. */
  readonly cacheDir: string;
  /** Where the report of a preparation goes, for whoever may read it. */
  readonly preparedFile: string;
  /** The program that checks a database: a path, or a name on PATH. */
  readonly bbolt: string;
  /** Of the running kernel. */
  readonly bootId: () => Promise<string>;
  readonly log: Log;
}

/** Of the time that a start may take. */
const MAKE_SPACE_MS = 20_000;

interface Checked extends DatabaseFile {
  readonly state: DatabaseState;
  readonly tookMs: number;
}

/**
 * Whoever starts buildkitd lets it prepare the cache before each start, and tells it of each end.
 * One at a time.
 */
export class CacheKeeper {
  readonly #options: CacheKeeperOptions;
  readonly #inUseFile: string;
  readonly #quarantine: Quarantine;
  readonly #reserve: DiskReserve;

  constructor(options: CacheKeeperOptions) {
    const { cacheDir } = options;
    this.#options = options;
    this.#inUseFile = join(cacheDir, "buildkit-in-use");
    this.#quarantine = new Quarantine(join(cacheDir, "quarantine"));
    this.#reserve = new DiskReserve(join(cacheDir, "reserve"));
  }

  /**
   * Makes the cache one that buildkitd can start on. After an unclean end its databases are
   * checked, and what is damaged is set aside. The end of `signal` ends it between two steps or
   * within a check; it may then begin anew. `inputs` is what the start will have, for the report.
   * @throws {AgentError} "buildkit.root-in-use" (retryable)
   */
  async prepare(signal: AbortSignal, inputs: StartInputs = {}): Promise<Preparation> {
    const { places, log } = this.#options;
    const begunMs = performance.now();
    const nowMs = Date.now();
    const bootId = await this.#options.bootId();
    await mkdir(places.rootDir, { recursive: true, mode: 0o700 });
    await refuseIfRunning(places.rootDir, signal);
    await this.#quarantine.open();
    const space = await this.#reserve.adjust();
    if (space === "gave") log.warn({}, "buildkit.disk-reserve-used");
    const inUse = await readInUse(this.#inUseFile);
    const wasUnclean = inUse !== undefined || (await holdsOwnLock(places.rootDir));
    const databases = await databasesUnder(places.rootDir);
    const isFirst = databases.every(({ sizeBytes }) => sizeBytes === 0);
    const isPowerCut = inUse !== undefined && inUse.bootId !== bootId;
    const checked = wasUnclean ? await this.#check(databases, signal) : [];
    const past = {
      crashesInARow: inUse?.crashesInARow ?? 0,
      isWithoutSpace: space === "used-up" && !isFirst,
      isPowerCut,
    };
    const verdict = judgeCache(checked, past);
    const quarantined = await this.#carryOut(verdict, databases, past.isWithoutSpace, nowMs);
    if (wasUnclean && verdict.do !== "start-empty") await this.#removeLostSnapshots(checked);
    // What a kill left would let the next one who connects wait for nobody.
    for (const socket of [places.socketPath, places.traceSocketPath]) await rm(socket, { force: true });
    const crashesInARow = verdict.do === "start-empty" ? 0 : past.crashesInARow;
    await markInUse(this.#inUseFile, { startedAtMs: nowMs, crashesInARow, bootId });
    const preparation: Preparation = {
      schemaVersion: 1,
      preparedAtMs: nowMs,
      tookMs: Math.round(performance.now() - begunMs),
      lastEnd: isFirst ? "first" : wasUnclean ? "unclean" : "clean",
      ...inputs,
      checked: checked.map(told),
      ...(quarantined && { quarantined }),
    };
    await writePreparation(this.#options.preparedFile, preparation);
    return preparation;
  }

  /**
   * After each end. `end` is "clean" if it was asked for and buildkitd went by itself; whether it
   * came to closing its databases is looked at here. Everything else leaves the mark for the next
   * preparation.
   */
  async ended(end: RunEnd): Promise<void> {
    const { places, log } = this.#options;
    const inUse = await readInUse(this.#inUseFile);
    if (inUse === undefined) return;
    if (end === "clean" && !(await holdsOwnLock(places.rootDir))) {
      if (!(await unmarkInUse(this.#inUseFile))) log.warn({}, "buildkit.cache-not-synced");
      return;
    }
    const crashesInARow = crashesAfter(end, Date.now() - inUse.startedAtMs, inUse.crashesInARow);
    await markInUse(this.#inUseFile, { ...inUse, crashesInARow });
    log.warn({ crashesInARow }, "buildkit.ended-uncleanly");
  }

  /**
   * Deletes what was set aside: minutes, where the cache was large. Safe beside a running
   * buildkitd.
   */
  sweep(signal: AbortSignal): Promise<void> {
    return this.#quarantine.sweep(signal);
  }

  /** One after the other: each reads from the same disk. */
  async #check(databases: readonly DatabaseFile[], signal: AbortSignal): Promise<readonly Checked[]> {
    const { bbolt, places, log } = this.#options;
    const checked: Checked[] = [];
    for (const database of databases) {
      const { path, sizeBytes } = database;
      const begunMs = performance.now();
      const state: DatabaseState =
        sizeBytes === 0 ? { at: "missing" } : await checkDatabase(bbolt, join(places.rootDir, path), sizeBytes, signal);
      if (state.at === "unchecked") log.warn({ database: path, because: state.because }, "buildkit.database-unchecked");
      checked.push({ ...database, state, tookMs: Math.round(performance.now() - begunMs) });
    }
    return checked;
  }

  async #carryOut(
    verdict: CacheVerdict,
    databases: readonly DatabaseFile[],
    isWithoutSpace: boolean,
    nowMs: number,
  ): Promise<Preparation["quarantined"]> {
    if (verdict.do === "keep") return undefined;
    const { places, log } = this.#options;
    const isWhole = verdict.do === "start-empty";
    const kept = isWithoutSpace ? [] : databases.map(({ path }) => path);
    const path = isWhole
      ? await this.#quarantine.takeRoot(places.rootDir, kept, nowMs)
      : await this.#quarantine.setAside(places.rootDir, verdict.paths, nowMs);
    if (isWithoutSpace) await this.#makeSpace();
    await mkdir(places.rootDir, { recursive: true, mode: 0o700 });
    const what = isWhole ? "cache" : "databases";
    log.error({ path, what, because: verdict.because }, "buildkit.cache-quarantined");
    return { path, what, because: verdict.because };
  }

  /** There is no block left for a new root. What is not deleted in this time is deleted later. */
  async #makeSpace(): Promise<void> {
    using deadline = new Deadline(MAKE_SPACE_MS);
    await this.#quarantine.sweep(deadline.signal).catch((err: unknown) => {
      this.#options.log.warn({ err }, "buildkit.not-swept");
    });
  }

  async #removeLostSnapshots(checked: readonly Checked[]): Promise<void> {
    const { places, log } = this.#options;
    for (const { kind, path, state } of checked) {
      if (kind !== "snapshots" || state.at !== "sound") continue;
      const removed = await removeLostSnapshots(places.rootDir, path);
      if (removed.length > 0) log.info({ removed }, "buildkit.lost-snapshots-removed");
    }
  }
}

function told({ path, sizeBytes, state, tookMs }: Checked): Preparation["checked"][number] {
  const because = "because" in state ? { because: state.because } : {};
  return { database: path, sizeBytes, state: state.at, ...because, tookMs };
}
