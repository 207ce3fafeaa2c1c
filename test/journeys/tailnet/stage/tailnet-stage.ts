import type { Tailnet } from "../../../../agent/adapters/grpc/gen/builder/agent/v1/desired_state.ts";
import {
  type TailnetObserved,
  TailnetState,
} from "../../../../agent/adapters/grpc/gen/builder/agent/v1/observed_state.ts";
import { Scope } from "../../../../agent/lifecycle/scope.ts";
import type { OpenedBuildFiles } from "../../../../sandbox/admin/request.ts";
import type { NamespacedTailnet } from "../../../../sandbox/tailnet/in-namespaces.ts";
import { BUILDER_TAG } from "../../../../sandbox/tailnet/policy.ts";
import type { Client } from "../../stage/client.ts";
import { eventually } from "../../stage/eventually.ts";
import { REF, type StageOptions } from "../../stage/set-up.ts";
import { Stage } from "../../stage/stage.ts";
import { World } from "./world.ts";

export interface StepEnding {
  readonly ok: boolean;
  /** What the step said. */
  readonly said: string;
}

/** A customer's tailnet, and a machine with the real agent: each in networks of their own. */
export class TailnetStage implements AsyncDisposable {
  readonly site: NamespacedTailnet;
  readonly stage: Stage;
  readonly #scope: Scope;

  private constructor(site: NamespacedTailnet, stage: Stage, scope: Scope) {
    this.site = site;
    this.stage = stage;
    this.#scope = scope;
  }

  static async up(options: Omit<StageOptions, "uplink"> = {}): Promise<TailnetStage> {
    const scope = new Scope();
    try {
      const world = scope.own(await World.make());
      return new TailnetStage(world.site, scope.own(await Stage.up({ ...options, uplink: world.uplink })), scope);
    } catch (failure) {
      await scope[Symbol.asyncDispose]();
      throw failure;
    }
  }

  /** Wishes the customer's tailnet for the machine. */
  wish(changes: Partial<Tailnet> = {}): void {
    const { client, api, headscale } = this.site.tailnet;
    const { clientId, clientSecret } = client;
    const tailnet: Tailnet = {
      grantId: "grant-1",
      coordinationUrl: headscale.url,
      apiUrl: api.url,
      credential: { $case: "oauthClient", value: { clientId, clientSecret } },
      tags: [BUILDER_TAG],
      acceptRoutes: true,
      required: false,
      ...changes,
    };
    this.stage.plane.wish(REF, { tailnet });
  }

  /** Wishes it, and waits until builds reach it. */
  async grant(changes: Partial<Tailnet> = {}): Promise<TailnetObserved> {
    this.wish(changes);
    const joined = await this.untilObserved((tailnet) => tailnet?.state === TailnetState.JOINED && tailnet);
    await eventually("the guard is open", () => this.isOpen());
    if (changes.acceptRoutes ?? true) await this.untilObserved((tailnet) => tailnet?.acceptsRoutes === true);
    return joined;
  }

  /**
   * No tailnet any more; resolves when the coordination server knows no node of the machine, with
   * how long that took.
   */
  async withdraw(): Promise<number> {
    const startedMs = performance.now();
    this.stage.plane.wish(REF, { tailnet: undefined });
    await eventually("the node has left", async () => (await this.builders()).length === 0);
    return performance.now() - startedMs;
  }

  untilObserved<T>(probe: (tailnet: TailnetObserved | undefined) => T | undefined | false): Promise<T> {
    const look = (): T | undefined | false => probe(this.stage.machine.observed?.tailnet);
    return this.stage.plane.until(look, { what: "that of the tailnet", deadlineMs: 30_000 });
  }

  /** Nodes of builders that the coordination server knows. */
  async builders(): Promise<Awaited<ReturnType<NamespacedTailnet["tailnet"]["headscale"]["nodes"]>>> {
    return (await this.site.tailnet.headscale.nodes()).filter(({ tags }) => tags.includes(BUILDER_TAG));
  }

  /** Whether the guard lets builds into the tailnet: as the kernel has it. */
  async isOpen(): Promise<boolean> {
    const rules = await this.vmRun("nft", ["list", "table", "inet", "builder_agent"]).catch(() => "");
    return /oifname "tailscale0" accept/.test(rules);
  }

  vmRun(command: string, args: readonly string[]): Promise<string> {
    const { vm } = this.stage;
    if (vm === undefined) throw new Error("The agent has no network of its own");
    return vm.run(command, args);
  }

  /** A build whose one step runs these words in a shell. */
  async begin(script: string, build?: OpenedBuildFiles): Promise<Client> {
    const opened = build ?? (await this.stage.openBuild());
    const run = `RUN ${JSON.stringify(["/bin/busybox", "sh", "-euc", script])}`;
    return (await this.stage.build(opened, ["FROM scratch", "COPY busybox /bin/busybox", run])).client;
  }

  /** The same to its end. */
  async step(script: string, build?: OpenedBuildFiles): Promise<StepEnding> {
    await using client = await this.begin(script, build);
    const { exitCode, said } = await client.ended;
    const words = said.split("\n").flatMap((line) => /^#\d+ \d+\.\d+ (.*)$/.exec(line)?.[1] ?? []);
    return { ok: exitCode === 0, said: words.length > 0 ? words.join("\n") : said };
  }

  /** A build whose step asks for a page: what it got, or why it got none. */
  async page(host: string): Promise<string> {
    const { ok, said } = await this.step(`printf 'GET / HTTP/1.0\\r\\n\\r\\n' | /bin/busybox nc -w 5 ${host} 80`);
    return ok ? (said.split("\n").at(-1) ?? "") : said;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#scope[Symbol.asyncDispose]();
  }
}
