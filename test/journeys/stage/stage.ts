import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { Phase } from "../../../agent/adapters/grpc/gen/builder/agent/v1/observed_state.ts";
import { Scope } from "../../../agent/lifecycle/scope.ts";
import type { OpenedBuildFiles } from "../../../sandbox/admin/request.ts";
import { writeTicket } from "../../../sandbox/admin/ticket-files.ts";
import type { BuildOrder } from "../../../sandbox/control-plane/builds.ts";
import type { Machine } from "../../../sandbox/control-plane/machine.ts";
import type { StoredRecord } from "../../../sandbox/control-plane/record-book.ts";
import type { NetworkNamespace } from "../../../sandbox/net/namespace.ts";
import { lastTroubles } from "../../../sandbox/stack/agent-log.ts";
import type { AgentExit } from "../../../sandbox/stack/agent-process.ts";
import { buildctlArguments } from "../../../sandbox/stack/client-lines.ts";
import { inTree } from "../../../sandbox/stack/tree.ts";
import { Client, type ClientEnding } from "./client.ts";
import { eventually } from "./eventually.ts";
import { HeldBuild, heldDockerfile } from "./held-build.ts";
import { processesNaming } from "./processes.ts";
import { REF, type StageOptions, type StageParts, setUp } from "./set-up.ts";
import { identityFileIn, tokenFileIn } from "./stage-config.ts";

export type ChildName = "gateway" | "control" | "buildkitd" | "launcher";

const READY_DEADLINE_MS = 45_000;
const END_DEADLINE_MS = 40_000;

/**
 * A control plane in this process, and the agent as it really runs: launcher, gateway, control and
 * buildkitd.
 */
export class Stage implements AsyncDisposable {
  readonly plane: StageParts["plane"];
  readonly log: StageParts["log"];
  readonly tools: StageParts["tools"];
  readonly workDir: string;
  readonly runtimeDir: string;
  readonly clientDir: string;
  /** The agent's, where it has one of its own. */
  readonly vm: NetworkNamespace | undefined;
  readonly #parts: StageParts;
  readonly #scope: Scope;
  #agent: StageParts["agent"];
  #clients = 0;

  private constructor(parts: StageParts, scope: Scope) {
    this.plane = parts.plane;
    this.log = parts.log;
    this.tools = parts.tools;
    this.workDir = parts.workDir;
    this.runtimeDir = parts.runtimeDir;
    this.clientDir = parts.clientDir;
    this.vm = parts.network.vm;
    this.#parts = parts;
    this.#agent = parts.agent;
    this.#scope = scope;
  }

  /** Starts all; resolves when the agent is ready, by its own word to the control plane. */
  static async up(options: StageOptions = {}): Promise<Stage> {
    const scope = new Scope();
    try {
      const stage = new Stage(await setUp(options, scope), scope);
      if (options.awaitReady ?? true) await stage.ready();
      return stage;
    } catch (failure) {
      await scope[Symbol.asyncDispose]();
      throw failure;
    }
  }

  /** The machine, once the agent says that it is ready. */
  ready(): Promise<Machine> {
    const ready = (): Machine | undefined =>
      this.plane.machines().find(({ observed }) => observed?.phase === Phase.READY);
    return this.plane
      .until(ready, { what: "the agent to be ready", deadlineMs: READY_DEADLINE_MS })
      .catch(async (cause: unknown) => {
        throw new Error(`The agent is not ready. Its log says:\n${await lastTroubles(this.log.file, 10)}`, { cause });
      });
  }

  get machine(): Machine {
    const [machine, ...more] = this.plane.machines();
    if (machine === undefined || more.length > 0) throw new Error("There is not exactly one machine");
    return machine;
  }

  get tokenFile(): string {
    return tokenFileIn(this.runtimeDir);
  }

  /** Where control keeps who this machine is, key included. */
  get identityFile(): string {
    return identityFileIn(this.runtimeDir);
  }

  /** How the agent ended, asked or not. @throws {Error} if it does not within 40 s. */
  async ended(): Promise<AgentExit> {
    const waiting = new AbortController();
    const overdue = sleep(END_DEADLINE_MS, undefined, { signal: waiting.signal }).then(() => {
      throw new Error(`The agent has not ended within ${END_DEADLINE_MS} ms`);
    });
    try {
      return await Promise.race([this.#agent.ended, overdue]);
    } finally {
      waiting.abort();
      overdue.catch(() => undefined);
    }
  }

  /** Starts it anew, as the same machine, once it has ended; resolves when it is ready. */
  async startAgain(): Promise<Machine> {
    await this.ended();
    // Of one that was killed, those who were its children end by themselves.
    const isGone = async (dir: string): Promise<boolean> => (await processesNaming(dir)).length === 0;
    await eventually(
      "the last one is gone",
      async () => (await isGone(this.workDir)) && (await isGone(this.runtimeDir)),
    );
    const { observed: last } = this.machine;
    this.#agent = this.#scope.own(await this.#parts.startAgent());
    const ready = (): Machine | undefined => {
      const { machine } = this;
      return machine.observed !== last && machine.observed?.phase === Phase.READY ? machine : undefined;
    };
    return this.plane.until(ready, { what: "the agent to be ready again", deadlineMs: READY_DEADLINE_MS });
  }

  /** Where the agent serves its health. */
  get healthUrl(): string {
    return this.#parts.healthUrl;
  }

  /** An answer of the agent's own health server. */
  async health(path: string): Promise<{ readonly status: number; readonly body: string }> {
    const response = await fetch(`${this.#parts.healthUrl}${path}`, { signal: AbortSignal.timeout(10_000) });
    return { status: response.status, body: await response.text() };
  }

  /** `builder-agent status`. */
  status(args: readonly string[] = []): Promise<ClientEnding> {
    return this.ask("status", args);
  }

  /** A command of the agent's, with its configuration. */
  async ask(command: string, args: readonly string[] = []): Promise<ClientEnding> {
    const words = [inTree("dist/agent/cli/main.js"), ...command.split(" "), "--config", this.configFile, ...args];
    await using client = Client.start(process.execPath, words);
    return await client.ended;
  }

  /** The same as whoever is logged in to the machine asks it. */
  async askWithin(vm: NetworkNamespace, command: string): Promise<ClientEnding> {
    const words = [inTree("dist/agent/cli/main.js"), ...command.split(" "), "--config", this.configFile];
    const entered = vm.enter(process.execPath, words);
    await using client = Client.start(entered.command, entered.args);
    return await client.ended;
  }

  get configFile(): string {
    return this.#parts.configFile;
  }

  /** Port of the gateway: the same for as long as the launcher lives. */
  async port(): Promise<number> {
    return this.#parts.network.gatewayPort() ?? Number((await this.log.until("launcher.started")).data["port"]);
  }

  /** The process that runs now, or ran last. */
  async pid(name: ChildName): Promise<number> {
    if (name === "launcher") {
      const first = await this.log.until("launcher.started");
      return ((await this.log.last("launcher.started")) ?? first).pid;
    }
    if (name === "buildkitd") return Number((await this.log.last("buildkit.started"))?.data["buildkitPid"]);
    const started = await this.log.last("launcher.child-started", ({ data }) => data["child"] === name);
    return Number(started?.data["childPid"]);
  }

  async kill(name: ChildName, signal: NodeJS.Signals = "SIGKILL"): Promise<void> {
    process.kill(await this.pid(name), signal);
  }

  /** A build that the machine has accepted, and its client's files. */
  async openBuild(order: Partial<BuildOrder> = {}): Promise<OpenedBuildFiles> {
    const endpoint = `tcp://127.0.0.1:${await this.port()}`;
    return writeTicket(this.clientDir, endpoint, await this.plane.openBuild({ ...REF, ...order }));
  }

  /**
   * A build that the machine knows of, whether it has accepted it or not, and its client's files.
   */
  async openUnasked(order: Partial<BuildOrder> = {}): Promise<OpenedBuildFiles> {
    const endpoint = `tcp://127.0.0.1:${await this.port()}`;
    const opened = await this.plane.openBuild({ ...REF, ...order, wait: false });
    await opened.change.applied();
    return writeTicket(this.clientDir, endpoint, opened);
  }

  buildctl(build: OpenedBuildFiles, args: readonly string[]): Client {
    return Client.start(this.tools.buildctl, [...buildctlArguments(build), ...args]);
  }

  /** The smallest use of a build: a connection of its own, one question to BuildKit, one answer. */
  async askWorkers(build: OpenedBuildFiles): Promise<ClientEnding> {
    await using client = this.buildctl(build, ["debug", "workers"]);
    return await client.ended;
  }

  /**
   * `buildctl build` of these lines; `busybox` is in the context, and the output goes to
   * `outputDir`.
   */
  async build(build: OpenedBuildFiles, dockerfile: readonly string[], args: readonly string[] = []) {
    this.#clients += 1;
    const dir = join(this.clientDir, `build-${this.#clients}`);
    const outputDir = join(dir, "out");
    await mkdir(outputDir, { recursive: true });
    await writeFile(join(dir, "Dockerfile"), dockerfile.join("\n"));
    const client = this.buildctl(build, [
      ...["build", "--progress", "plain", "--no-cache", "--frontend", "dockerfile.v0"],
      ...["--local", `context=${join(this.clientDir, "context")}`, "--local", `dockerfile=${dir}`],
      ...["--output", `type=local,dest=${outputDir}`, ...args],
    ]);
    return { client, outputDir };
  }

  /** A build that is in the middle of its step, and stays there until it is let go. */
  async holdBuild(build: OpenedBuildFiles): Promise<HeldBuild> {
    const mark = `${this.#parts.mark}-${this.#clients}`;
    const { client, outputDir } = await this.build(build, heldDockerfile(mark));
    return HeldBuild.begun(client, mark, outputDir);
  }

  recordsOf(build: { readonly buildId: string }): readonly StoredRecord[] {
    return this.plane.records().filter(({ buildId }) => buildId === build.buildId);
  }

  /** The build's records, once there are `count`. */
  untilRecords(build: { readonly buildId: string }, count = 1): Promise<readonly StoredRecord[]> {
    const enough = (): readonly StoredRecord[] | false =>
      this.recordsOf(build).length >= count && this.recordsOf(build);
    return this.plane.until(enough, { what: `${count} records of ${build.buildId}`, deadlineMs: 30_000 });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // A drain would wait for builds that nobody is going to use.
    for (const { buildId } of this.plane.listBuilds()) this.plane.endBuild(buildId);
    await this.#scope[Symbol.asyncDispose]();
  }
}
