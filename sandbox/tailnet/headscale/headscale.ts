import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Coordination, KeyOrder } from "../api/coordination.ts";
import { Daemon } from "../daemon.ts";
import type { RelayAddress } from "../derp-relay.ts";
import { LOOPBACK, type Where } from "../where.ts";
import {
  askHeadscale,
  authKeyShape,
  HeadscaleRefused,
  nodeShape,
  nodesShape,
  userShape,
  usersShape,
} from "./command-line.ts";
import { headscaleConfig, relayMap, type TailnetPolicy } from "./config.ts";

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

export interface HeadscaleNode {
  /** The same as `Self.ID` of the node's LocalAPI. */
  readonly id: string;
  /** The first part of its MagicDNS name. */
  readonly name: string;
  readonly addresses: readonly string[];
  readonly tags: readonly string[];
  readonly online: boolean;
  readonly ephemeral: boolean;
  /** CIDRs. */
  readonly approvedRoutes: readonly string[];
  readonly offeredRoutes: readonly string[];
}

/** A real coordination server: headscale as a child, with a database of its own and nobody else's tailnet in it. */
export class Headscale implements Coordination, AsyncDisposable {
  /** What nodes are given as their login server. */
  readonly url: string;
  readonly #program: string;
  readonly #dir: string;
  readonly #where: Where | undefined;
  #daemon: Daemon | undefined;
  #userId = 0;

  private constructor({ program, where, port }: HeadscaleOptions, dir: string) {
    this.url = `http://${where?.host ?? LOOPBACK}:${port}`;
    this.#program = program;
    this.#dir = dir;
    this.#where = where;
  }

  /** @throws {SandboxFailure} with the end of its log, if it does not come up. */
  static async start(options: HeadscaleOptions, signal?: AbortSignal): Promise<Headscale> {
    const dir = join(options.dir, "headscale");
    await mkdir(dir, { recursive: true, mode: 0o700 });
    const headscale = new Headscale(options, dir);
    const { where, port, relay, policy } = options;
    const config = headscaleConfig({ dir, host: where?.host ?? LOOPBACK, port });
    await writeFile(headscale.configFile, JSON.stringify(config), { mode: 0o600 });
    await writeFile(join(dir, "relays.yaml"), relayMap(relay));
    await writeFile(join(dir, "policy.json"), JSON.stringify(policy));
    await headscale.comeUp(signal);
    return headscale;
  }

  /** For `headscale --config`. */
  get configFile(): string {
    return join(this.#dir, "config.json");
  }

  // ── its tailnet ──

  async createKey({
    tags,
    ephemeral,
    reusable,
    expiresAt,
  }: KeyOrder): Promise<{ readonly id: string; readonly key: string }> {
    const lifetimeMs = Math.max(1, expiresAt.getTime() - Date.now());
    const answer = await this.#ask(
      ...["preauthkeys", "create", "--user", `${this.#userId}`, "--expiration", `${lifetimeMs}ms`],
      ...(ephemeral ? ["--ephemeral"] : []),
      ...(reusable ? ["--reusable"] : []),
      ...(tags.length > 0 ? ["--tags", tags.join(",")] : []),
    );
    const { id, key } = authKeyShape.parse(answer);
    return { id: `${id}`, key };
  }

  async nodes(): Promise<readonly HeadscaleNode[]> {
    const nodes = nodesShape.parse(await this.#ask("nodes", "list")) ?? [];
    return nodes.map((node) => ({
      id: `${node.id}`,
      name: node.given_name,
      addresses: node.ip_addresses,
      tags: node.forced_tags,
      online: node.online,
      ephemeral: node.pre_auth_key?.ephemeral ?? false,
      approvedRoutes: node.approved_routes,
      offeredRoutes: node.available_routes,
    }));
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
    const args = ["--config", this.configFile, "serve"];
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
    if (this.#daemon?.isRunning !== true) throw new HeadscaleRefused("headscale is down.", undefined);
    return askHeadscale(this.#program, this.configFile, args);
  }
}
