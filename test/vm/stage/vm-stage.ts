import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { CacheVolume } from "../../../agent/adapters/grpc/gen/builder/agent/v1/desired_state.ts";
import { type Condition, Phase } from "../../../agent/adapters/grpc/gen/builder/agent/v1/observed_state.ts";
import { Scope } from "../../../agent/lifecycle/scope.ts";
import type { OpenedBuildFiles } from "../../../sandbox/admin/request.ts";
import { writeTicket } from "../../../sandbox/admin/ticket-files.ts";
import type { BuildOrder } from "../../../sandbox/control-plane/builds.ts";
import type { Machine } from "../../../sandbox/control-plane/machine.ts";
import { buildctlArguments } from "../../../sandbox/stack/client-lines.ts";
import { Client } from "../../journeys/stage/client.ts";
import type { DataDisk } from "../machine/data-disk.ts";
import type { Guest } from "../machine/guest.ts";
import { paced } from "../machine/pace.ts";
import { provision } from "../machine/provision.ts";
import { bootGuest } from "./boot-guest.ts";
import { untilSays, untilTold } from "./told.ts";
import { wakeCopy } from "./waiting-machine.ts";
import { REF, type WorkPlace, workPlace } from "./work-place.ts";

const BUILD_DEADLINE_MS = paced(180_000);

export interface VmStageOptions {
  readonly disks?: readonly DataDisk[];
  /** What the control plane wants. */
  readonly cacheVolume?: CacheVolume;
}

/** A control plane in this process, and a virtual machine that does what it wants. */
export class VmStage implements AsyncDisposable {
  readonly plane: WorkPlace["plane"];
  readonly guest: Guest;
  readonly #place: WorkPlace;
  readonly #scope: Scope;
  #builds = 0;

  private constructor(place: WorkPlace, guest: Guest, scope: Scope) {
    this.plane = place.plane;
    this.guest = guest;
    this.#place = place;
    this.#scope = scope;
  }

  /** From power-on, configured by cloud-init; a minute or more. */
  static boot({ disks = [], cacheVolume }: VmStageOptions = {}): Promise<VmStage> {
    return VmStage.#up(async (scope) => {
      const place = await workPlace(scope);
      const given = provision(place.plane, REF);
      place.plane.wish(REF, { cacheVolume });
      return { place, guest: await bootGuest(place, { disks, given }, scope) };
    });
  }

  /** From a machine whose agent waits for a volume; seconds. The disks are plugged in now. */
  static wake({ disks = [], cacheVolume }: VmStageOptions = {}): Promise<VmStage> {
    return VmStage.#up(async (scope) => {
      const copy = await wakeCopy(scope);
      for (const disk of disks) await copy.guest.attach(disk);
      copy.place.plane.wish(REF, { cacheVolume });
      scope.defer(() => void copy.place.plane.wish(REF, { cacheVolume: undefined }));
      return copy;
    });
  }

  static async #up(raise: (scope: Scope) => Promise<{ place: WorkPlace; guest: Guest }>): Promise<VmStage> {
    const scope = new Scope();
    try {
      const { place, guest } = await raise(scope);
      return new VmStage(place, guest, scope);
    } catch (failure) {
      await scope[Symbol.asyncDispose]();
      throw failure;
    }
  }

  /**
   * The machine, once the agent says that it is ready. @throws {Error} with what stands in the way.
   */
  ready(): Promise<Machine> {
    const ready = (): Machine | undefined =>
      this.plane.machines().find(({ link, observed }) => link !== undefined && observed?.phase === Phase.READY);
    return this.until("the agent to be ready", ready);
  }

  /** The one that is attached. */
  get machine(): Machine {
    const machine = this.plane.machines().find(({ link }) => link !== undefined);
    if (machine === undefined) throw new Error("No machine is attached");
    return machine;
  }

  /** Of this machine's loopback: the gateway's. */
  get buildPort(): number {
    return this.#place.ports.builds;
  }

  says(check: string, text: RegExp): Promise<Condition> {
    return untilSays(this.plane, check, text);
  }

  until<T>(what: string, probe: () => T | undefined | false): Promise<T> {
    return untilTold(this.plane, what, probe);
  }

  get clientDir(): string {
    return this.#place.clientDir;
  }

  get tools(): WorkPlace["tools"] {
    return this.#place.tools;
  }

  /** A build that the gateway lets in, and its client's files. */
  async openBuild(order: Partial<BuildOrder> = {}): Promise<OpenedBuildFiles> {
    const { clientDir, ports } = this.#place;
    return writeTicket(clientDir, `tcp://127.0.0.1:${ports.builds}`, await this.plane.openBuild({ ...REF, ...order }));
  }

  /**
   * `buildctl build` of these lines from this machine, through mutual TLS; busybox is in the
   * context, unless it is another one, and the output goes to `outputDir`.
   */
  async build(
    dockerfile: readonly string[],
    open?: OpenedBuildFiles,
    context = join(this.#place.clientDir, "context"),
  ) {
    const ticket = open ?? (await this.openBuild());
    const { clientDir, tools } = this.#place;
    this.#builds += 1;
    const dir = join(clientDir, `${ticket.buildId}-${this.#builds}`);
    const outputDir = join(dir, "out");
    await mkdir(outputDir, { recursive: true });
    await writeFile(join(dir, "Dockerfile"), dockerfile.join("\n"));
    const args = [
      ...buildctlArguments(ticket),
      ...["build", "--progress", "plain", "--frontend", "dockerfile.v0"],
      ...["--local", `context=${context}`, "--local", `dockerfile=${dir}`],
      ...["--output", `type=local,dest=${outputDir}`],
    ];
    const client = Client.start(tools.buildctl, args, process.env, BUILD_DEADLINE_MS);
    this.#scope.own(client);
    return { client, outputDir };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const { buildId } of this.plane.listBuilds()) this.plane.endBuild(buildId);
    await this.#scope[Symbol.asyncDispose]();
  }
}
