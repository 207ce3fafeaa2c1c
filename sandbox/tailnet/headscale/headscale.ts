import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Coordination, KeyOrder } from "../api/coordination.ts";
import { Daemon } from "../daemon.ts";
import type { RelayAddress } from "../derp-relay.ts";
import { LOOPBACK, type Where } from "../where.ts";
import { askHeadscale, HeadscaleRefused, nodeShape, userShape, usersShape } from "./command-line.ts";
import { headscaleConfig, relayMap, type TailnetPolicy } from "./config.ts";
import { createAuthKey, type RunningHeadscale } from "./keys.ts";
import { type HeadscaleNode, listedNodes } from "./nodes.ts";

export type { HeadscaleNode };

/** Whose tailnet it is: the owner of every node and tag. In the policy: "customer@". */
export const USER = "customer";

export interface HeadscaleOptions {
  readonly program: string;
  /** Exists; short enough for a socket in it. */
  readonly dir: string;
  readonly where?: Where;
  /** A free one. */
  readonly port: number;
  readonly relay: RelayAddress;
  readonly policy: TailnetPolicy;
}

/**
 * A real coordination server: headscale as a child, with a database of its own and nobody else's
 * tailnet in it.
 */
export class Headscale implements Coordination, AsyncDisposable {
  /** What nodes are given as their login server. */
  readonly url: string;
  readonly #program: string;
  readonly #dir: string;
  readonly #configFile: string;
  readonly #where: Where | undefined;
  #daemon: Daemon | undefined;
  #userId = 0;

  private constructor({ program, where, port }: HeadscaleOptions, dir: string) {
    this.url = `http://${where?.host ?? LOOPBACK}:${port}`;
    this.#program = program;
    this.#dir = dir;
    this.#configFile = join(dir, "config.json");
    this.#where = where;
  }

  /** @throws {SandboxFailure} with the end of its log, if it does not come up. */
  static async start(options: HeadscaleOptions, signal?: AbortSignal): Promise<Headscale> {
    const dir = join(options.dir, "headscale");
    await mkdir(dir, { recursive: true, mode: 0o700 });
    const headscale = new Headscale(options, dir);
    const { where, port, relay, policy } = options;
    const config = headscaleConfig({ dir, host: where?.host ?? LOOPBACK, port });
    await writeFile(headscale.#configFile, JSON.stringify(config), { mode: 0o600 });
    await writeFile(join(dir, "relays.yaml"), relayMap(relay));
    await writeFile(join(dir, "policy.json"), JSON.stringify(policy));
    await headscale.comeUp(signal);
    return headscale;
  }

  /**
   * For other processes of this user, as long as it is up. @throws {HeadscaleRefused} while it is
   * down.
   */
  running(): RunningHeadscale {
    if (this.#daemon?.isRunning !== true) throw new HeadscaleRefused("headscale is down.", undefined);
    return { program: this.#program, configFile: this.#configFile, userId: this.#userId };
  }

  // ── its tailnet ──

  createKey(order: KeyOrder): Promise<{ readonly id: string; readonly key: string }> {
    return createAuthKey(this.running(), order);
  }

  nodes(): Promise<readonly HeadscaleNode[]> {
    return listedNodes(this.running());
  }

  /** As its owner would in the admin console: the node is told, and is none any more. */
  async removeNode(nodeId: string): Promise<boolean> {
    if (!(await this.nodes()).some(({ id }) => id === nodeId)) return false;
    await this.#ask("nodes", "delete", "--identifier", nodeId, "--force");
    return true;
  }

  /** Its key counts as expired from now on: it has to be let in anew. */
  async expireNode(nodeId: string): Promise<void> {
    nodeShape.parse(await this.#ask("nodes", "expire", "--identifier", nodeId));
  }

  /** All that the node may be the way to; what it offers beside them waits. */
  async approveRoutes(nodeId: string, routes: readonly string[]): Promise<void> {
    nodeShape.parse(await this.#ask("nodes", "approve-routes", "--identifier", nodeId, "--routes", routes.join(",")));
  }

  // ── what may go wrong ──

  /** As a crash: nobody listens there any more. */
  async goDown(): Promise<void> {
    const daemon = this.#daemon;
    this.#daemon = undefined;
    await daemon?.kill();
  }

  /** At the same address, with the same nodes. */
  async comeUp(signal?: AbortSignal): Promise<void> {
    if (this.#daemon !== undefined) return;
    const logFile = join(this.#dir, "log");
    await writeFile(logFile, "");
    const args = ["--config", this.#configFile, "serve"];
    const started = { name: "headscale", command: this.#program, args, logFile, where: this.#where };
    const daemon = await Daemon.start(started);
    this.#daemon = daemon;
    try {
      await daemon.until("it listened", () => daemon.hasSaid("listening and serving HTTP"), signal);
      this.#userId = await this.#user();
    } catch (failure) {
      await this.goDown();
      throw failure;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#daemon?.[Symbol.asyncDispose]();
  }

  async #user(): Promise<number> {
    const users = usersShape.parse(await this.#ask("users", "list")) ?? [];
    const found = users.find(({ name }) => name === USER) ?? userShape.parse(await this.#ask("users", "create", USER));
    return found.id;
  }

  async #ask(...args: readonly string[]): Promise<unknown> {
    const { program, configFile } = this.running();
    return askHeadscale(program, configFile, args);
  }
}
