import { copyFile, cp, mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { stringify } from "smol-toml";
import { Phase } from "../../../agent/adapters/grpc/gen/builder/agent/v1/observed_state.ts";
import { Scope } from "../../../agent/lifecycle/scope.ts";
import type { OpenedBuildFiles } from "../../../sandbox/admin/request.ts";
import { writeTicket } from "../../../sandbox/admin/ticket-files.ts";
import { EmbeddedControlPlane } from "../../../sandbox/control-plane/embedded-control-plane.ts";
import type { Machine as KnownMachine } from "../../../sandbox/control-plane/machine.ts";
import type { NetworkNamespace } from "../../../sandbox/net/namespace.ts";
import { buildctlArguments } from "../../../sandbox/stack/client-lines.ts";
import { readToolchain, type Toolchain } from "../../../sandbox/stack/toolchain.ts";
import { inTree } from "../../../sandbox/stack/tree.ts";
import { Client } from "../../journeys/stage/client.ts";
import { eventually } from "../../journeys/stage/eventually.ts";
import { HeldBuild, heldDockerfile } from "../../journeys/stage/held-build.ts";
import { Container } from "./container.ts";
import { type Disk, makeDisk } from "./disk.ts";
import { type Entry, entriesOf } from "./journal.ts";
import { makeNetwork, type Network } from "./network.ts";
import { makeWorld, RESOLVER } from "./world.ts";

/** Whose machine it is. */
export const REF = { org: "acme", project: "app" } as const;

const READY_MS = 60_000;

export interface MachineOptions {
  /** Default true: there is no device-mapper here, so the machine is told to do without. */
  readonly plainCache?: boolean;
  /** Default false. */
  readonly requireEncryption?: boolean;
  /** For open builds, when it is told to stop; default 2 min. */
  readonly drainGraceMs?: number;
  /** Default true: it is up when its agent is ready. */
  readonly awaitReady?: boolean;
  /** Default false: it has a loopback and nothing else. */
  readonly hasWorld?: boolean;
  /** Default false: as apt leaves it, with nothing of an image and configured by nobody. */
  readonly isPlain?: boolean;
  /** Default true: as `boot` leaves it; else it is off. */
  readonly isOn?: boolean;
}

/**
 * A machine as its image makes it: the real units under systemd, with a control plane in this
 * process and a loopback to meet.
 */
export class Machine implements AsyncDisposable {
  readonly plane: EmbeddedControlPlane;
  readonly disk: Disk;
  readonly tools: Toolchain;
  readonly #network: Network;
  readonly #world: NetworkNamespace | undefined;
  readonly #scope: Scope;
  readonly #isPlain: boolean;
  #container: Container | undefined;
  #builds = 0;

  private constructor(
    parts: Pick<Machine, "plane" | "disk" | "tools">,
    network: Network,
    scope: Scope,
    {
      world,
      isPlain = false,
    }: { readonly world?: NetworkNamespace | undefined; readonly isPlain?: boolean | undefined },
  ) {
    this.#isPlain = isPlain;
    this.plane = parts.plane;
    this.disk = parts.disk;
    this.tools = parts.tools;
    this.#network = network;
    this.#world = world;
    this.#scope = scope;
  }

  static async up(options: MachineOptions = {}): Promise<Machine> {
    const scope = new Scope();
    try {
      const tools = await readToolchain();
      const disk = await makeDisk(scope);
      const plane = scope.own(await EmbeddedControlPlane.listen());
      const network = await makeNetwork(scope, disk.work, plane.transport.port);
      const world = options.hasWorld === true ? await makeWorld(scope, network.place) : undefined;
      const machine = new Machine({ plane, disk, tools }, network, scope, { world, isPlain: options.isPlain });
      scope.defer(() => machine.#container?.[Symbol.asyncDispose]());
      await (options.isPlain === true ? machine.#makePlain() : machine.#configure(options));
      if (options.isOn === false) return machine;
      await machine.boot();
      if (options.awaitReady ?? options.isPlain !== true) await machine.ready();
      return machine;
    } catch (failure) {
      await scope[Symbol.asyncDispose]();
      throw failure;
    }
  }

  /** What an image and cloud-init write. */
  async #configure({ plainCache = true, requireEncryption = false, drainGraceMs = 120_000 }: MachineOptions) {
    const etc = join(this.disk.root, "etc");
    const config = {
      controlPlane: {
        endpoint: this.#network.planeEndpoint,
        caFile: "/etc/builder-agent/control-plane-ca.pem",
        serverName: this.plane.serverName,
      },
      identity: { kind: "join-token" },
      drain: { graceMs: drainGraceMs },
    };
    await mkdir(join(etc, "builder-agent"), { recursive: true });
    await writeFile(join(etc, "builder-agent/config.toml"), stringify(config));
    await writeFile(join(etc, "builder-agent/control-plane-ca.pem"), this.plane.caPem);
    // The image's own says true; the one that comes later wins.
    await this.dropIn("builder-agent-control.service", [
      "[Service]",
      `Environment=BUILDER_AGENT_CACHE_VOLUME_REQUIRE_ENCRYPTION=${requireEncryption}`,
    ]);
    if (this.#world !== undefined) {
      await mkdir(join(etc, "systemd/resolved.conf.d"), { recursive: true });
      await writeFile(join(etc, "systemd/resolved.conf.d/90-test.conf"), `[Resolve]\nDNS=${RESOLVER}\n`);
    }
    if (plainCache) await cp(inTree("systemd/plain-cache"), join(etc, "systemd/system"), { recursive: true });
    await mkdir(join(this.disk.work, "context"));
    await copyFile(this.tools.busybox, join(this.disk.work, "context/busybox"));
  }

  async #makePlain(): Promise<void> {
    const control = join(this.disk.root, "etc/systemd/system/builder-agent-control.service.d");
    await rm(control, { recursive: true, force: true });
    await mkdir(join(this.disk.work, "context"));
    await copyFile(this.tools.busybox, join(this.disk.work, "context/busybox"));
  }

  /** Where it finds the control plane. */
  get planeEndpoint(): string {
    return this.#network.planeEndpoint;
  }

  /** Changes a unit of the machine; in force from its next boot. */
  async dropIn(unit: string, lines: readonly string[]): Promise<void> {
    const dir = join(this.disk.root, "etc/systemd/system", `${unit}.d`);
    await mkdir(dir, { recursive: true });
    await writeFile(join(dir, "90-test.conf"), `${lines.join("\n")}\n`);
  }

  /** Resolves when its first process runs. */
  async powerOn(): Promise<void> {
    const credentials = this.#isPlain ? {} : { "join-token": this.plane.issueJoinToken(REF) };
    this.#container = await Container.boot(this.disk, this.#network, credentials);
  }

  async boot(): Promise<void> {
    await this.powerOn();
    await eventually("the machine's systemd answers", () =>
      this.container.run("systemctl", ["show", "--property=Version"]).catch(() => undefined),
    );
  }

  /**
   * Also of one that is off already; else its power is cut. It registers anew, as after any boot.
   */
  async reboot(): Promise<void> {
    await this.container[Symbol.asyncDispose]();
    await this.boot();
    await this.readyAgain();
  }

  /** For programs that meet its gateway as builds' clients do, at its loopback. */
  get network(): NetworkNamespace {
    return this.#network.place;
  }

  get world(): NetworkNamespace {
    if (this.#world === undefined) throw new Error("The machine has no world");
    return this.#world;
  }

  get isOn(): boolean {
    return this.#container !== undefined;
  }

  /** Its control group, as this machine's root has it. */
  get group(): string {
    return basename(dirname(this.disk.root));
  }

  get container(): Container {
    if (this.#container === undefined) throw new Error("The machine has not been booted");
    return this.#container;
  }

  /** The machine, once its agent says that it is ready. */
  ready(): Promise<KnownMachine> {
    const ready = (): KnownMachine | undefined =>
      this.plane.machines().find(({ observed }) => observed?.phase === Phase.READY);
    return this.plane
      .until(ready, { what: "the machine to be ready", deadlineMs: READY_MS })
      .catch(async (cause: unknown) => {
        const journal = await this.container.run("journalctl", [
          "--no-pager",
          "--lines=60",
          "--output=short-monotonic",
        ]);
        throw new Error(`The machine is not ready. Its journal says:\n${journal}`, { cause });
      });
  }

  /** Resolves when it is ready again, by its own word at this moment. */
  async readyAgain(): Promise<void> {
    const ask = ["-c", "builder-agent status >/dev/null 2>&1 && echo yes || echo no"];
    await eventually("the machine is ready again", async () => (await this.container.run("sh", ask)).trim() === "yes");
  }

  /** What a unit, or what it runs, has written, oldest first. */
  entries(unit: string): Promise<readonly Entry[]> {
    return entriesOf(this.container, unit);
  }

  /** The first such line of a unit's since `sinceMonoMs`, once it is there. */
  untilEntry(unit: string, event: string, sinceMonoMs = 0): Promise<Entry> {
    return eventually(`"${event}" of ${unit}`, async () =>
      (await this.entries(unit)).find((entry) => entry.event === event && entry.monoMs >= sinceMonoMs),
    );
  }

  async openBuild(): Promise<OpenedBuildFiles> {
    return writeTicket(this.disk.work, "tcp://127.0.0.1:8443", await this.plane.openBuild(REF));
  }

  /** buildctl, at the machine's loopback. @param deadlineMs The client's usual one if absent. */
  buildctl(build: OpenedBuildFiles, args: readonly string[], deadlineMs?: number): Client {
    const words = [this.tools.buildctl, ...buildctlArguments(build), ...args];
    return Client.start("nsenter", [`--net=${this.network.path}`, "--", ...words], process.env, deadlineMs);
  }

  /** `buildctl build` of these lines; `busybox` is in the context. */
  async build(build: OpenedBuildFiles, dockerfile: readonly string[], deadlineMs?: number) {
    this.#builds += 1;
    const dir = join(this.disk.work, `build-${this.#builds}`);
    const outputDir = join(dir, "out");
    await mkdir(outputDir, { recursive: true });
    await writeFile(join(dir, "Dockerfile"), dockerfile.join("\n"));
    const args = [
      ...["build", "--progress", "plain", "--no-cache", "--frontend", "dockerfile.v0"],
      ...["--local", `context=${join(this.disk.work, "context")}`, "--local", `dockerfile=${dir}`],
      ...["--output", `type=local,dest=${outputDir}`],
    ];
    const client = this.buildctl(build, args, deadlineMs);
    return { client, outputDir };
  }

  /**
   * A build from its ticket to its output. @throws {Error} with what the client said, unless it
   * succeeds.
   */
  buildOnce(word: string): Promise<string> {
    return this.runInStep(`echo ${word}`);
  }

  /**
   * What a script says that runs as a step, by busybox. @throws {Error} with what the client said,
   * unless it succeeds.
   */
  async runInStep(said: string): Promise<string> {
    const script = `(${said}) > /result`;
    const { client, outputDir } = await this.build(await this.openBuild(), [
      "FROM scratch AS work",
      "COPY busybox /bin/busybox",
      `RUN ["/bin/busybox", "sh", "-c", ${JSON.stringify(script)}]`,
      "FROM scratch",
      "COPY --from=work /result /",
    ]);
    await using running = client;
    await running.succeeds();
    return (await readFile(join(outputDir, "result"), "utf8")).trim();
  }

  /** A build that is in the middle of its step, and stays there until it is let go. */
  async holdBuild(deadlineMs?: number): Promise<HeldBuild & { readonly buildId: string }> {
    const build = await this.openBuild();
    const mark = `held-${build.buildId}`;
    const { client, outputDir } = await this.build(build, heldDockerfile(mark), deadlineMs);
    const held = await HeldBuild.begun(client, mark, outputDir);
    return Object.assign(held, { buildId: build.buildId });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#scope[Symbol.asyncDispose]();
  }
}
