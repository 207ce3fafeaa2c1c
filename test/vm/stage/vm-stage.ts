import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { CacheVolume } from "../../../agent/adapters/grpc/gen/builder/agent/v1/desired_state.ts";
import { type Condition, Phase } from "../../../agent/adapters/grpc/gen/builder/agent/v1/observed_state.ts";
import { Scope } from "../../../agent/lifecycle/scope.ts";
import type { OpenedBuildFiles } from "../../../sandbox/admin/request.ts";
import { writeTicket } from "../../../sandbox/admin/ticket-files.ts";
import type { Machine } from "../../../sandbox/control-plane/machine.ts";
import { buildctlArguments } from "../../../sandbox/stack/client-lines.ts";
import { overlayOn } from "../../../tools/image/guest/disks.mjs";
import { Client } from "../../journeys/stage/client.ts";
import type { DataDisk } from "../machine/data-disk.ts";
import { Guest } from "../machine/guest.ts";
import { provision } from "../machine/provision.ts";
import { nextConsoleLog } from "./logs.ts";
import { bootGuest, wakeGuest } from "./raise-guest.ts";
import { type WorkPlace, workPlace } from "./work-place.ts";

/** Whose machine every stage is. */
export const REF = { org: "acme", project: "app" } as const;
export const OWNER = { orgId: REF.org, projectId: REF.project, architecture: "amd64" } as const;
/** Under emulation, on a busy machine: from power to ready. */
const READY_DEADLINE_MS = 400_000;
const BUILD_DEADLINE_MS = 180_000;

export interface VmStageOptions {
  readonly disks?: readonly DataDisk[];
  readonly cacheVolume?: CacheVolume;
  /** Sections of config.toml beside the control plane and the identity. */
  readonly config?: Readonly<Record<string, unknown>>;
  /** Default true. */
  readonly startAgent?: boolean;
}

/** A control plane in this process, and a virtual machine that does what it wants. */
export class VmStage implements AsyncDisposable {
  readonly plane: WorkPlace["plane"];
  #guest: Guest;
  #asleep = { memoryFile: "", rootDisk: "", copies: 0 };
  readonly #place: WorkPlace;
  readonly #scope: Scope;
  #builds = 0;

  private constructor(place: WorkPlace, guest: Guest, scope: Scope) {
    this.plane = place.plane;
    this.#guest = guest;
    this.#place = place;
    this.#scope = scope;
  }

  /** From power-on, configured by cloud-init; a minute or more. */
  static boot(options: VmStageOptions = {}): Promise<VmStage> {
    return VmStage.#up(options, bootGuest);
  }

  /** From a booted machine that was put to sleep before it had a configuration; seconds. */
  static async wake(options: VmStageOptions = {}): Promise<VmStage> {
    const stage = await VmStage.#up(options, wakeGuest);
    if (options.startAgent ?? true) await stage.startAgent();
    return stage;
  }

  static async #up(options: VmStageOptions, raise: typeof bootGuest): Promise<VmStage> {
    const scope = new Scope();
    try {
      const place = await workPlace(scope);
      const { disks = [], cacheVolume, config } = options;
      const given = provision(place.plane, REF, config);
      if (cacheVolume !== undefined) place.plane.wish(REF, { cacheVolume });
      return new VmStage(place, await raise(place, { disks, given }, scope), scope);
    } catch (failure) {
      await scope[Symbol.asyncDispose]();
      throw failure;
    }
  }

  get guest(): Guest {
    return this.#guest;
  }

  /** The machine ends; copies of it, as it is now, can be woken. */
  async fallAsleep(): Promise<void> {
    const memoryFile = join(this.#place.guestDir, "memory");
    await this.guest.fallAsleep(memoryFile);
    this.#asleep = { memoryFile, rootDisk: this.guest.parts.rootDisk, copies: 0 };
  }

  /** A copy of the machine that fell asleep, with these disks. What the last copy wrote to its own disk is forgotten. */
  async wakeAgain(disks: readonly DataDisk[]): Promise<void> {
    await this.guest.cutPower();
    await this.until(() => this.plane.machines().every(({ link }) => link === undefined), "the last one to be gone");
    for (const machine of this.plane.machines()) machine.observed = undefined;
    const { memoryFile, rootDisk: under } = this.#asleep;
    this.#asleep.copies += 1;
    const rootDisk = join(this.#place.guestDir, `copy-${this.#asleep.copies}.qcow2`);
    await overlayOn(under, rootDisk);
    this.#guest = this.#scope.own(new Guest({ ...this.guest.parts, rootDisk, serialFile: nextConsoleLog() }));
    await this.guest.wake(memoryFile);
    for (const disk of disks) await this.guest.attach(disk);
    // The connection that it remembers ended with its first life.
    await this.guest.run("ss --kill dst 10.0.2.100 >/dev/null");
  }

  /** As a person does who has written the configuration. */
  async startAgent(): Promise<void> {
    await this.guest.run("systemctl start builder-agent.target");
  }

  /** The machine, once the agent says that it is ready. @throws {Error} with what stands in the way. */
  async ready(): Promise<Machine> {
    const ready = (): Machine | undefined =>
      this.plane.machines().find(({ link, observed }) => link !== undefined && observed?.phase === Phase.READY);
    return this.until(ready, "the agent to be ready");
  }

  /** The one that is attached. */
  get machine(): Machine {
    const machine = this.plane.machines().find(({ link }) => link !== undefined);
    if (machine === undefined) throw new Error("No machine is attached");
    return machine;
  }

  /** What the agent reports of one of its checks, once its message has this in it. */
  async says(check: string, text: RegExp): Promise<Condition> {
    const told = (): Condition | undefined =>
      this.#conditions().find(({ name, message }) => name === check && text.test(message));
    return this.until(told, `the agent to say of its check "${check}": ${text}`);
  }

  #conditions(): readonly Condition[] {
    return this.plane
      .machines()
      .filter(({ link }) => link !== undefined)
      .flatMap(({ observed }) => observed?.conditions ?? []);
  }

  async until<T>(probe: () => T | undefined | false, what: string): Promise<T> {
    try {
      return await Promise.race([
        this.plane.until(probe, { what, deadlineMs: READY_DEADLINE_MS }),
        ...(this.guest.isOn
          ? [
              this.guest.qemu.ended(READY_DEADLINE_MS).then(() => {
                throw new Error("The machine has ended");
              }),
            ]
          : []),
      ]);
    } catch (cause) {
      const bad = this.#conditions().filter(({ ok }) => !ok);
      const list = bad.map(({ name, message }) => `${name}: ${message}`).join("\n");
      throw new Error(`Waited for ${what}. The agent says:\n${list || "nothing"}`, { cause });
    }
  }

  /** A build that the gateway lets in, and its client's files. */
  async openBuild(): Promise<OpenedBuildFiles> {
    const { clientDir, ports } = this.#place;
    return writeTicket(clientDir, `tcp://127.0.0.1:${ports.builds}`, await this.plane.openBuild(REF));
  }

  /** `buildctl build` of these lines from this machine, through mutual TLS; busybox is in the context, and the output goes to `outputDir`. */
  async build(dockerfile: readonly string[], open?: OpenedBuildFiles) {
    const ticket = open ?? (await this.openBuild());
    const { clientDir, tools } = this.#place;
    this.#builds += 1;
    const dir = join(clientDir, `build-${this.#builds}`);
    const outputDir = join(dir, "out");
    await mkdir(outputDir, { recursive: true });
    await writeFile(join(dir, "Dockerfile"), dockerfile.join("\n"));
    const args = [
      ...buildctlArguments(ticket),
      ...["build", "--progress", "plain", "--frontend", "dockerfile.v0"],
      ...["--local", `context=${join(clientDir, "context")}`, "--local", `dockerfile=${dir}`],
      ...["--output", `type=local,dest=${outputDir}`],
    ];
    const client = Client.start(tools.buildctl, args, process.env, BUILD_DEADLINE_MS);
    this.#scope.own(client);
    return { client, outputDir };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#scope[Symbol.asyncDispose]();
  }
}
