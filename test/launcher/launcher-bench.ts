import { once } from "node:events";
import { existsSync } from "node:fs";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { systemClock } from "../../agent/adapters/clock/system-clock.ts";
import { askedBuildkit } from "../../agent/adapters/launcher/asked-buildkit.ts";
import { type LauncherConfig, runLauncher } from "../../agent/adapters/launcher/run-launcher.ts";
import type { Instant } from "../../agent/core/instant.ts";
import { Pulse } from "../../agent/lifecycle/pulse.ts";
import type { BuildkitUnit } from "../../agent/ports/buildkit.ts";
import type { Clock } from "../../agent/ports/clock.ts";
import { eventually } from "../buildkit/real-buildkit.ts";
import { CollectedLog } from "../keys/collected-log.ts";
import { StandInUnit } from "./stand-in-unit.ts";

const STAND_IN = fileURLToPath(new URL("stand-in.mjs", import.meta.url));

/** Longer than any test but those of what hangs. */
const HUNG_AFTER_MS = 120_000;

export interface Entry {
  readonly role: string;
  readonly pid: number;
  readonly what: string;
}

/** Of as many gateways as there may be. */
export const seatsIn = (dir: string): readonly string[] =>
  [1, 2, 3, 4].map((seat) => join(dir, `gateway-${seat}.sock`));

/** The real launcher, in this process, with stand-ins for what it keeps. */
export class LauncherBench implements AsyncDisposable {
  readonly dir: string;
  readonly managerSocket: string;
  readonly unit: StandInUnit;
  readonly log = new CollectedLog();
  readonly stop = new AbortController();
  readonly hurry = new AbortController();
  readonly again = new Pulse();
  readonly replace = new Pulse();
  /** Added to the monotonic clock. */
  aheadMs = 0;
  readonly clock: Clock;
  /** What control has of it. */
  readonly client: BuildkitUnit;
  #done: Promise<number> | undefined;

  private constructor(dir: string) {
    this.dir = dir;
    this.managerSocket = join(dir, "run", "manager.sock");
    const system = systemClock();
    const now = (): Instant => ({ ...system.now(), monoMs: system.now().monoMs + this.aheadMs });
    this.clock = { ...system, now };
    this.client = askedBuildkit(this.managerSocket, this.clock);
    this.unit = new StandInUnit(() => this.entries());
  }

  static async make(): Promise<LauncherBench> {
    return new LauncherBench(await mkdtemp(join(tmpdir(), "launcher-")));
  }

  /** Runs until it is told to stop. */
  run(options: { readonly control?: string; readonly config?: Partial<LauncherConfig> } = {}): Promise<number> {
    const env = { ...process.env, LISTEN_PID: "1", LISTEN_FDS: "9" };
    const child = (name: "gateway" | "control", ...args: string[]) => ({
      args: [STAND_IN, name, ...args],
      env,
      endFile: join(this.dir, `${name}-end`),
    });
    this.#done = runLauncher(
      {
        managerSocket: this.managerSocket,
        gateway: {
          ...child("gateway", this.#journal),
          listen: { host: "127.0.0.1", port: 0 },
          sockets: seatsIn(this.dir),
        },
        control: child("control", this.#journal, options.control ?? ""),
        env,
        hungAfterMs: HUNG_AFTER_MS,
        finalExitCodes: [77],
        controlGraceMs: 20_000,
        buildkitGraceMs: 1_234,
        ...options.config,
      },
      { buildkit: this.unit, clock: this.clock, log: this.log },
      { stop: this.stop.signal, hurry: this.hurry.signal, again: this.again, replace: this.replace },
    );
    this.#done.catch(() => undefined);
    return this.#done;
  }

  get #journal(): string {
    return join(this.dir, "journal");
  }

  async entries(): Promise<readonly Entry[]> {
    if (!existsSync(this.#journal)) return [];
    const lines = (await readFile(this.#journal, "utf8")).split("\n").filter((line) => line !== "");
    return lines.map((line) => JSON.parse(line) as Entry);
  }

  /** The pid of the `nth` start (from 0) of a child, once it has come. */
  async started(role: "gateway" | "control", nth = 0): Promise<number> {
    const starts = async (): Promise<readonly Entry[]> =>
      (await this.entries()).filter((entry) => entry.role === role && entry.what.startsWith("started"));
    const running = eventually(
      async () => (await starts()).length > nth,
      `${role} has started ${nth + 1} times`,
      10_000,
    );
    await Promise.race([running, this.#done?.then(() => running)]);
    return (await starts())[nth]!.pid;
  }

  get port(): number {
    return this.log.lines.find(({ event }) => event === "launcher.started")?.data["port"] as number;
  }

  /** The pid of the gateway that takes a connection now. */
  async gatewayThatAnswers(): Promise<number> {
    const socket = connect({ host: "127.0.0.1", port: this.port });
    await once(socket, "connect");
    return Number(await text(socket));
  }

  async end(): Promise<void> {
    this.stop.abort();
    await this.#done?.catch(() => undefined);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.end();
    await rm(this.dir, { recursive: true, force: true });
  }
}

export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
