import { PortHold } from "../stack/free-port.ts";
import { proveNoProcessLeft } from "../stack/leftovers.ts";
import type { OAuthClient } from "./api/clients.ts";
import { TailnetApiStandIn } from "./api/stand-in.ts";
import { DerpRelay } from "./derp-relay.ts";
import type { TailnetPolicy } from "./headscale/config.ts";
import { Headscale } from "./headscale/headscale.ts";
import { Owned } from "./owned.ts";
import { Page } from "./page.ts";
import { Peer } from "./peer.ts";
import { BUILDER_TAG, type BuilderKeyOptions, builderKey, careful } from "./policy.ts";
import type { TailnetTools } from "./tools.ts";
import { LOOPBACK, type Where } from "./where.ts";

export interface TailnetOptions {
  readonly tools: TailnetTools;
  /** Exists, is empty, and is short enough for sockets in it. */
  readonly dir: string;
  /** Of the coordination server, its relay and its API. Default: 127.0.0.1, on free ports. */
  readonly where?: Where;
  /** Of the customer's own nodes. Default: the same. */
  readonly peersWhere?: Where;
  /**
   * Private networks that a second peer is the way to: CIDRs. Default: none, and no second peer.
   */
  readonly routes?: readonly string[];
  readonly policy?: TailnetPolicy;
  readonly signal?: AbortSignal;
}

/** In a network that is ours alone, numbers need not be searched for. */
const OWN_NETWORK = { headscale: 8080, api: 8081, relay: 8443, page: 80 };

/**
 * A customer's tailnet, whole: a coordination server, its relay, the public API before it, and
 * nodes of the customer's own, one with a page.
 */
export class SandboxTailnet implements AsyncDisposable {
  readonly headscale: Headscale;
  readonly api: TailnetApiStandIn;
  /**
   * A client of the customer's, made for builders: it may mint keys with `tag:builder` and remove
   * nodes.
   */
  readonly client: OAuthClient;
  readonly page: Page;
  /** The node that the page is at. */
  readonly peer: Peer;
  /** The way to `routes`. */
  readonly router: Peer | undefined;
  readonly #owned: Owned;
  readonly #dir: string;

  private constructor(
    parts: Pick<SandboxTailnet, "headscale" | "api" | "client" | "page" | "peer" | "router">,
    own: Own,
  ) {
    this.headscale = parts.headscale;
    this.api = parts.api;
    this.client = parts.client;
    this.page = parts.page;
    this.peer = parts.peer;
    this.router = parts.router;
    this.#owned = own.owned;
    this.#dir = own.dir;
  }

  /**
   * Resolves when the page can be reached by whoever is let in. @throws {SandboxFailure} with the
   * log of what did not come up.
   */
  static async start(options: TailnetOptions): Promise<SandboxTailnet> {
    const { tools, dir, where = {}, routes = [], signal } = options;
    const peersWhere = options.peersWhere ?? where;
    const owned = new Owned();
    try {
      const ports = where.place === undefined ? await freePorts(where.host ?? LOOPBACK) : OWN_NETWORK;
      const derper = { derper: tools.derper, dir, where, port: ports.relay };
      const relay = await owned.add(DerpRelay.start(derper, signal));
      const server = { program: tools.headscale, dir, where, port: ports.headscale, relay: relay.address };
      const headscale = await owned.add(
        Headscale.start({ ...server, policy: options.policy ?? careful(routes) }, signal),
      );
      const api = await owned.add(TailnetApiStandIn.listen({ coordination: headscale, where, port: ports.api }));
      const client = api.clients.addClient({ scopes: ["auth_keys", "devices:core"], tags: [BUILDER_TAG] });
      const port = peersWhere.place === undefined ? 0 : OWN_NETWORK.page;
      const page = await owned.add(Page.serve("This page is private.\n", { ...peersWhere, host: LOOPBACK }, port));
      const peer = { tools, dir, where: peersWhere, loginUrl: headscale.url };
      const join = async (name: string, offered: readonly string[]): Promise<Peer> => {
        const { key } = await headscale.createKey(builderKey({ tags: [], ephemeral: false }));
        return owned.add(Peer.join({ ...peer, name, authKey: key, routes: offered }, signal));
      };
      const first = await join("hello", []);
      const router = routes.length > 0 ? await join("router", routes) : undefined;
      return new SandboxTailnet({ headscale, api, client, page, peer: first, router }, { owned, dir });
    } catch (failure) {
      await owned[Symbol.asyncDispose]();
      throw failure;
    }
  }

  /** By MagicDNS name, for whoever is a node. */
  get pageUrl(): string {
    return `http://${this.peer.name}${this.page.port === OWN_NETWORK.page ? "" : `:${this.page.port}`}/`;
  }

  /** What its owner would hand over by hand; as builders' keys are, unless told otherwise. */
  async authKey(options: BuilderKeyOptions = {}): Promise<string> {
    return (await this.headscale.createKey(builderKey(options))).key;
  }

  /** @throws {Error} if any process was left, which was then killed. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#owned[Symbol.asyncDispose]();
    await proveNoProcessLeft([this.#dir]);
  }
}

interface Own {
  readonly owned: Owned;
  readonly dir: string;
}

async function freePorts(host: string): Promise<Pick<typeof OWN_NETWORK, "headscale" | "api" | "relay">> {
  using ports = new PortHold();
  const free = async (): Promise<number> => (await ports.take({ host, port: 0 })).port;
  return { headscale: await free(), relay: await free(), api: 0 };
}
