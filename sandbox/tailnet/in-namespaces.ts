import { NetworkNamespace } from "../net/namespace.ts";
import { connect } from "../net/veth.ts";
import { Owned } from "./owned.ts";
import { Page } from "./page.ts";
import { SandboxTailnet } from "./tailnet.ts";
import type { TailnetTools } from "./tools.ts";

export interface NamespacedTailnetOptions {
  readonly tools: TailnetTools;
  /** Exists, is empty, and is short enough for sockets in it. */
  readonly dir: string;
  /**
   * What a builder takes for the internet: the coordination server, its relay and its API are in
   * there, at COORDINATION_HOST.
   */
  readonly world: NetworkNamespace;
  readonly signal?: AbortSignal;
}

/**
 * Where builders find the servers: their machine needs a way there through `world`, a default route
 * for instance. A private address, because the client insists on HTTPS with a public one as soon as
 * it asks again within a few minutes.
 */
export const COORDINATION_HOST = "10.98.0.1";
/** For benchmarks of networks, RFC 2544: nobody has a use for it here. */
const CABLE = { world: "198.18.77.1", home: "198.18.77.2", prefix: 30 };
/** The customer's private network, and a machine in it that is no node. */
const PRIVATE_NETWORK = "10.99.0.0/24";
const PRIVATE_HOST = "10.99.0.10";

/**
 * A tailnet in network namespaces, for root. The customer's nodes are at home: in a network of
 * their own that reaches `world` and that nobody reaches but through the tailnet, so that what a
 * builder gets of it has come that way.
 */
export class NamespacedTailnet implements AsyncDisposable {
  readonly tailnet: SandboxTailnet;
  /** Behind a subnet route, at `privateUrl`. */
  readonly privatePage: Page;
  readonly privateNetwork = PRIVATE_NETWORK;
  readonly privateUrl = `http://${PRIVATE_HOST}/`;
  readonly #owned: Owned;

  private constructor(tailnet: SandboxTailnet, privatePage: Page, owned: Owned) {
    this.tailnet = tailnet;
    this.privatePage = privatePage;
    this.#owned = owned;
  }

  static async start({ tools, dir, world, signal }: NamespacedTailnetOptions): Promise<NamespacedTailnet> {
    const owned = new Owned();
    try {
      const home = await owned.add(NetworkNamespace.make({ name: "customer" }));
      await connect(
        { place: world, link: "customer0", addresses: [`${CABLE.world}/${CABLE.prefix}`] },
        {
          place: home,
          link: "world0",
          addresses: [`${CABLE.home}/${CABLE.prefix}`],
          routes: [{ to: "default", via: CABLE.world }],
        },
      );
      await world.run("ip", ["address", "add", `${COORDINATION_HOST}/32`, "dev", "lo"]);
      await home.run("ip", ["address", "add", `${PRIVATE_HOST}/32`, "dev", "lo"]);
      const peersWhere = { place: home };
      const page = Page.serve("This page lies behind a subnet route.\n", { ...peersWhere, host: PRIVATE_HOST }, 80);
      const privatePage = await owned.add(page);
      const at = { where: { place: world, host: COORDINATION_HOST }, peersWhere, routes: [PRIVATE_NETWORK] };
      const started = SandboxTailnet.start({ tools, dir, ...at, ...(signal === undefined ? {} : { signal }) });
      return new NamespacedTailnet(await owned.add(started), privatePage, owned);
    } catch (failure) {
      await owned[Symbol.asyncDispose]();
      throw failure;
    }
  }

  /**
   * `world` may be ended only after this. @throws {Error} if any process was left, which was then
   * killed.
   */
  [Symbol.asyncDispose](): Promise<void> {
    return this.#owned[Symbol.asyncDispose]();
  }
}
