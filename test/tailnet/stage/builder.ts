import { mkdir, mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { systemClock } from "../../../agent/adapters/clock/system-clock.ts";
import type { IdentityToken } from "../../../agent/adapters/tailscale/api/access-token.ts";
import { TailscaleApi } from "../../../agent/adapters/tailscale/api/tailscale-api.ts";
import { Tailscaled } from "../../../agent/adapters/tailscale/daemon/tailscaled.ts";
import { localRequest, textOf } from "../../../agent/adapters/tailscale/local-request.ts";
import { TailscaleNode } from "../../../agent/adapters/tailscale/tailscale-node.ts";
import { AgentError } from "../../../agent/core/errors.ts";
import type { Secret } from "../../../agent/core/secret.ts";
import type { TailnetMembership } from "../../../agent/core/tailnet/wish.ts";
import type { ServiceUnits } from "../../../agent/ports/service-units.ts";
import type { TailnetJoin } from "../../../agent/ports/tailnet.ts";
import { CollectedLog } from "../../keys/collected-log.ts";

/** A directory in memory, as a builder's /run is. */
const MEMORY = "/dev/shm";
const NOBODY = "http://127.0.0.1:9";
process.env["TS_PANIC_IF_HIT_MAIN_CONTROL"] = "1";

export interface BuilderOptions {
  readonly tailscaled: string;
  /** Where the orders name none: an address that nobody listens on. */
  readonly url?: string;
}

/**
 * A builder's tailnet without the rest of a builder: the real daemon in user space, and what steers
 * it.
 */
export class Builder implements AsyncDisposable {
  readonly log = new CollectedLog();
  readonly dir: string;
  readonly progress: string[] = [];
  /** What was seen of it while it was watched. */
  readonly seen: TailnetMembership[] = [];
  node: TailscaleNode;
  daemon: Tailscaled;
  readonly #options: BuilderOptions;

  private constructor(dir: string, options: BuilderOptions) {
    this.dir = dir;
    this.#options = options;
    this.daemon = this.#makeDaemon();
    this.node = this.#makeNode();
  }

  static async make(options: BuilderOptions): Promise<Builder> {
    const dir = await mkdtemp(join(MEMORY, "tn-"));
    await mkdir(join(dir, "run"), { mode: 0o700 });
    return new Builder(dir, options);
  }

  /** As after a SIGKILL of control: it remembers nothing but what lies in files. */
  forgetControl(): void {
    this.node = this.#makeNode();
  }

  /** As after a SIGKILL of the launcher, which takes the daemon with it. */
  async killAll(): Promise<void> {
    await this.daemon[Symbol.asyncDispose]();
    this.daemon = this.#makeDaemon();
    this.node = this.#makeNode();
  }

  killDaemon(): void {
    const pid = this.log.lines.findLast(({ event }) => event === "tailscaled.started")?.data["tailscaledPid"];
    process.kill(Number(pid), "SIGKILL");
  }

  join(order: TailnetJoin, signal = new AbortController().signal): Promise<TailnetMembership> {
    return this.node.join(order, (words) => this.progress.push(words), signal);
  }

  mintKey(order: Parameters<TailscaleApi["mintKey"]>[0], identityToken = noToken): Promise<Secret> {
    return this.api(identityToken).mintKey(order, new AbortController().signal);
  }

  api(identityToken = noToken): TailscaleApi {
    return new TailscaleApi({ baseUrl: this.#options.url ?? NOBODY, identityToken, clock: systemClock() });
  }

  /** What the daemon says, without our reading of it. */
  async localApi(path: string): Promise<unknown> {
    const call = { method: "GET", path } as const;
    return JSON.parse(await textOf(await localRequest(join(this.dir, "s"), call, new AbortController().signal)));
  }

  /** Names of the files that are there now. */
  async files(): Promise<readonly string[]> {
    const found = await readdir(this.dir, { recursive: true, withFileTypes: true });
    return found.filter((entry) => !entry.isDirectory()).map(({ name }) => name);
  }

  /** All that was ever logged, and what lies in files now but for the daemon's own state. */
  async everythingTold(): Promise<string> {
    const files = await readdir(this.dir, { recursive: true, withFileTypes: true });
    const texts = await Promise.all(
      files
        .filter((file) => file.isFile() && !file.parentPath.endsWith("/state"))
        .map((file) => readFile(join(file.parentPath, file.name), "utf8")),
    );
    return [JSON.stringify(this.log.lines), ...this.progress, ...texts].join("\n");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.daemon[Symbol.asyncDispose]();
    await rm(this.dir, { recursive: true, force: true });
  }

  #makeDaemon(): Tailscaled {
    return new Tailscaled({
      binary: this.#options.tailscaled,
      socketPath: join(this.dir, "s"),
      stateDir: join(this.dir, "state"),
      tun: "userspace-networking",
      port: 0,
      onEnd: async () => {},
      clock: systemClock(),
      log: this.log,
    });
  }

  #makeNode(): TailscaleNode {
    return new TailscaleNode({
      socketPath: join(this.dir, "s"),
      memoryFile: join(this.dir, "run", "membership.json"),
      services: this.#services(),
      coordinationUrl: this.#options.url ?? NOBODY,
      clock: systemClock(),
      log: this.log,
    });
  }

  #services(): ServiceUnits {
    return {
      start: (_unit, signal) => this.daemon.start(signal),
      stop: (_unit, signal) => this.daemon.stop(signal),
      show: (_unit, signal) => this.daemon.show(signal),
    };
  }
}

const noToken: IdentityToken = () =>
  Promise.reject(new AgentError("tailnet.no-identity-token", "None", { retryable: false }));
