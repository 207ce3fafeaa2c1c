import { readFile, rm, rmdir } from "node:fs/promises";
import type { Socket } from "node:net";
import { join } from "node:path";
import type { z } from "zod";
import { openBuildFor } from "../admin/builds.ts";
import { type LentBuild, type lentOrder, openedBuild } from "../admin/request.ts";
import { GoesOn } from "../admin/server.ts";
import type { EmbeddedControlPlane, OpenedBuild } from "../control-plane/embedded-control-plane.ts";
import { outfit } from "./client-folder.ts";

type LentOrder = z.output<typeof lentOrder>;

/** What a timer can wait at most. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

/**
 * Builds for shells and commands on this machine: their keys lie in memory, and go when their build
 * ends or expires, and at disposal.
 */
export class Lending implements AsyncDisposable {
  readonly #plane: EmbeddedControlPlane;
  readonly #dir: string;
  readonly #runtimeDir: string;
  readonly #timers = new Map<string, NodeJS.Timeout>();

  /** `dir`: its own directory; `runtimeDir`: one in memory. */
  constructor(where: { readonly plane: EmbeddedControlPlane; readonly dir: string; readonly runtimeDir: string }) {
    this.#plane = where.plane;
    this.#dir = where.dir;
    this.#runtimeDir = where.runtimeDir;
  }

  /** Opens a build. @throws {Error} when it is refused, or its files cannot be written. */
  async lend(order: LentOrder, endpointOf: (build: OpenedBuild) => string): Promise<LentBuild | GoesOn> {
    const { verb: _, untilHangUp, ...ordered } = order;
    const request = { verb: "build-open", ...ordered } as const;
    const files = await openBuildFor(this.#plane, request, { dir: this.#runtimeDir, endpointOf });
    const { buildId } = files;
    try {
      const lent = await outfit(files, this.#clientFolder(buildId));
      this.#forgetAt(buildId, Date.parse(files.expiresAt));
      return untilHangUp ? new GoesOn(lent, (socket) => this.#endWith(socket, buildId)) : lent;
    } catch (failure) {
      await this.#end(buildId);
      throw failure;
    }
  }

  /** What clients need of a build that is open. @throws {Error} where its key is not here. */
  async outfitOf(buildId: string): Promise<LentBuild> {
    if (!this.#plane.listBuilds().some((build) => build.buildId === buildId))
      throw new Error(`Build ${buildId} is not open: build list has those that are.`);
    for (const dir of [this.#runtimeDir, this.#dir]) {
      const told = await readFile(join(dir, "builds", buildId, "build.json"), "utf8").catch(() => undefined);
      if (told !== undefined) return outfit(openedBuild.parse(JSON.parse(told)), this.#clientFolder(buildId));
    }
    throw new Error(`The key of build ${buildId} is not here: only who opened it has that.`);
  }

  /** Its build has ended: nothing of a shell's is left. */
  async forget(buildId: string): Promise<void> {
    clearTimeout(this.#timers.get(buildId));
    this.#timers.delete(buildId);
    await rm(join(this.#runtimeDir, "builds", buildId), { recursive: true, force: true });
    await rm(this.#clientFolder(buildId), { recursive: true, force: true });
    // The files of one that was not lent stay: its client shall see that it is refused.
    await rmdir(join(this.#dir, "builds", buildId)).catch(() => undefined);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const buildId of [...this.#timers.keys()]) await this.forget(buildId);
  }

  #clientFolder(buildId: string): string {
    return join(this.#dir, "builds", buildId, "client");
  }

  #endWith(socket: Socket, buildId: string): void {
    const end = (): void => void this.#end(buildId);
    if (socket.destroyed) return end();
    socket.once("close", end);
    socket.resume();
  }

  async #end(buildId: string): Promise<void> {
    if (this.#plane.listBuilds().some((build) => build.buildId === buildId)) this.#plane.endBuild(buildId);
    await this.forget(buildId).catch(() => undefined);
  }

  #forgetAt(buildId: string, atMs: number): void {
    const pauseMs = Math.min(Math.max(0, atMs - Date.now()), LONGEST_TIMER_MS);
    const timer = setTimeout(() => {
      if (Date.now() < atMs) this.#forgetAt(buildId, atMs);
      else void this.forget(buildId).catch(() => undefined);
    }, pauseMs);
    this.#timers.set(buildId, timer.unref());
  }
}
