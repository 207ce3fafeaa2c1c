import { spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { Scope } from "../../../../agent/lifecycle/scope.ts";
import { NetworkNamespace } from "../../../../sandbox/net/namespace.ts";
import { connect } from "../../../../sandbox/net/veth.ts";
import { makeRuntimeDir } from "../../../../sandbox/stack/runtime-dir.ts";
import type { Uplink } from "../../../../sandbox/stack/vm-network.ts";
import { NamespacedTailnet } from "../../../../sandbox/tailnet/in-namespaces.ts";
import { tailnetTools } from "../../../sandbox/tailnet/needs-tailnet.ts";

/** Of documentation (RFC 5737). */
const INTERNET = { router: "203.0.113.1", machine: "203.0.113.2", prefix: 24 };
const COORDINATION = "203.0.113.10";
const RESOLVER = "203.0.113.53";
/** What every name on the internet is, by that resolver. */
export const PUBLIC_ADDRESS = "203.0.113.80";

const RESOLVER_PROGRAM = fileURLToPath(new URL("resolver.mjs", import.meta.url));

/**
 * An internet without a way out: a coordination server, a resolver, and a customer at home who is
 * reached through the tailnet alone.
 */
export class World implements AsyncDisposable {
  readonly site: NamespacedTailnet;
  readonly #internet: NetworkNamespace;
  readonly #scope: Scope;

  private constructor(site: NamespacedTailnet, internet: NetworkNamespace, scope: Scope) {
    this.site = site;
    this.#internet = internet;
    this.#scope = scope;
  }

  static async make(): Promise<World> {
    const scope = new Scope();
    try {
      const dir = scope.own(await makeRuntimeDir()).path;
      const internet = scope.own(await NetworkNamespace.make({ name: "internet" }));
      for (const address of [COORDINATION, RESOLVER, PUBLIC_ADDRESS])
        await internet.run("ip", ["address", "add", `${address}/32`, "dev", "lo"]);
      scope.own(await resolving(internet));
      const at = { tools: tailnetTools(), dir, world: internet, host: COORDINATION };
      return new World(scope.own(await NamespacedTailnet.start(at)), internet, scope);
    } catch (failure) {
      await scope[Symbol.asyncDispose]();
      throw failure;
    }
  }

  /** What a machine is joined to. */
  get uplink(): Uplink {
    const { router, machine, prefix } = INTERNET;
    return {
      resolvConf: `nameserver ${RESOLVER}\n`,
      join: async (vm) => {
        await connect(
          { place: this.#internet, link: "machine0", addresses: [`${router}/${prefix}`] },
          {
            place: vm,
            link: "uplink0",
            addresses: [`${machine}/${prefix}`],
            routes: [{ to: "default", via: router }],
          },
        );
        return undefined;
      },
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#scope[Symbol.asyncDispose]();
  }
}

async function resolving(place: NetworkNamespace): Promise<AsyncDisposable> {
  const { command, args } = place.enter(process.execPath, [RESOLVER_PROGRAM, RESOLVER, PUBLIC_ADDRESS]);
  const child = spawn(command, args, { stdio: ["pipe", "pipe", "inherit"] });
  const ended = once(child, "close");
  await once(child.stdout, "data", { signal: AbortSignal.timeout(10_000) });
  return {
    [Symbol.asyncDispose]: async () => {
      child.stdin.end();
      await ended;
    },
  };
}
