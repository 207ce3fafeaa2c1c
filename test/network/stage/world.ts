import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Scope } from "../../../agent/lifecycle/scope.ts";
import { NetworkNamespace } from "../../../sandbox/net/namespace.ts";
import type { NetworkPlace } from "../../../sandbox/net/place.ts";
import { connect } from "../../../sandbox/net/veth.ts";

/** The ports that are listened on everywhere: names, the web, ssh, and Azure's wire server. */
const PORTS = [22, 53, 80, 443, 32_526];

/** The VM's own: an uplink as a cloud gives it, in a private range. */
export const VM = { ipv4: "10.20.0.2", ipv6: "2001:db8:20::2" } as const;
const ROUTER = { ipv4: "10.20.0.1", ipv6: "2001:db8:20::1" } as const;
/** As a node of a tailnet. */
export const NODE = { ipv4: "100.64.0.7", ipv6: "fd7a:115c:a1e0::1" } as const;
/** The cable behind it: neither is an address of a node. */
const TAILNET_ROUTER = { ipv4: "100.64.255.254", ipv6: "fd7a:115c:a1e0:ffff::1" } as const;

/** Resolvers of the VM: one in the private network, one on the internet. */
export const RESOLVERS = ["10.20.0.53", "2001:db8:53::53"] as const;

/** AWS has one there, for any who ask it directly. */
const HYPERVISORS_RESOLVER = "169.254.169.253";

/** What tailscaled answers by itself. */
const MAGIC_DNS = ["100.100.100.100", "fd7a:115c:a1e0::53"] as const;

/**
 * A VM and the world around it, each a network namespace without a way out: whatever address the
 * VM's packets go to, in either family, somebody really listens there. What is sent and answered
 * went through every part of the kernel that it goes through on a builder.
 */
export class World implements AsyncDisposable {
  readonly dir: string;
  readonly vm: NetworkNamespace;
  /** The internet, the private networks, and what a hypervisor has. */
  readonly outside: NetworkNamespace;
  #tailnet: NetworkNamespace | undefined;
  readonly #scope: Scope;

  private constructor(dir: string, vm: NetworkNamespace, outside: NetworkNamespace, scope: Scope) {
    this.dir = dir;
    this.vm = vm;
    this.outside = outside;
    this.#scope = scope;
  }

  static async make(): Promise<World> {
    const scope = new Scope();
    try {
      const dir = await mkdtemp(join(tmpdir(), "world-"));
      scope.defer(() => rm(dir, { recursive: true, force: true }));
      const resolvConfFile = join(dir, "machines-resolv.conf");
      await writeFile(resolvConfFile, RESOLVERS.map((address) => `nameserver ${address}\n`).join(""));
      const vm = scope.own(await NetworkNamespace.make({ name: "vm", resolvConfFile }));
      const outside = scope.own(await NetworkNamespace.make({ name: "outside" }));
      await connect(
        {
          place: vm,
          link: "uplink",
          addresses: [`${VM.ipv4}/24`, `${VM.ipv6}/64`],
          routes: [
            { to: "default", via: ROUTER.ipv4 },
            { to: "default", via: ROUTER.ipv6 },
          ],
        },
        { place: outside, link: "downlink", addresses: [`${ROUTER.ipv4}/24`, `${ROUTER.ipv6}/64`] },
      );
      await letBridgesBridge(vm);
      await beEverybody(outside);
      scope.own(await answering(outside, PORTS, [...RESOLVERS, HYPERVISORS_RESOLVER]));
      return new World(dir, vm, outside, scope);
    } catch (failure) {
      await scope[Symbol.asyncDispose]();
      throw failure;
    }
  }

  /**
   * What comes from builds unmasqueraded is answered as well: a guard that is off must be seen to
   * be off.
   */
  async answerBuilds({ ipv4, ipv6 }: { readonly ipv4: string; readonly ipv6: string }): Promise<void> {
    const ways = [
      { place: this.outside, to: VM },
      ...(this.#tailnet === undefined ? [] : [{ place: this.#tailnet, to: NODE }]),
    ];
    for (const { place, to } of ways) {
      await place.run("ip", ["route", "replace", ipv4, "via", to.ipv4]);
      await place.run("ip", ["route", "replace", ipv6, "via", to.ipv6]);
    }
  }

  /**
   * The VM becomes a node of a tailnet, in which every address answers, before the builds' network
   * is made; nobody has granted it to builds.
   */
  async joinTailnet(): Promise<NetworkNamespace> {
    const tailnet = this.#scope.own(await NetworkNamespace.make({ name: "tailnet" }));
    await connect(
      {
        place: this.vm,
        link: "tailscale0",
        addresses: [`${NODE.ipv4}/32`, `${NODE.ipv6}/128`],
        routes: [],
      },
      { place: tailnet, link: "tun", addresses: [`${TAILNET_ROUTER.ipv4}/32`, `${TAILNET_ROUTER.ipv6}/128`] },
    );
    const ways = [
      [TAILNET_ROUTER.ipv4, NODE.ipv4, "100.64.0.0/10"],
      [TAILNET_ROUTER.ipv6, NODE.ipv6, "fd7a:115c:a1e0::/48"],
    ] as const;
    for (const [router, node, range] of ways) {
      await this.vm.run("ip", ["route", "add", router, "dev", "tailscale0"]);
      await tailnet.run("ip", ["route", "add", node, "dev", "tun"]);
      await this.vm.run("ip", ["route", "add", range, "via", router, "dev", "tailscale0"]);
    }
    await beEverybody(tailnet);
    this.#scope.own(await answering(tailnet, PORTS, MAGIC_DNS));
    this.#tailnet = tailnet;
    return tailnet;
  }

  /**
   * Somebody in the VM listens on these ports, at all its addresses: the agent, sshd, whoever comes
   * later.
   */
  async listenInVm(ports: readonly number[]): Promise<void> {
    this.#scope.own(await answering(this.vm, ports, []));
  }

  /** A resolver of the VM's own, on its loopback: unbound, dnsmasq. */
  async answerNamesInVm(address: string): Promise<void> {
    this.#scope.own(await answering(this.vm, [], [address]));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#scope[Symbol.asyncDispose]();
  }
}

/**
 * A kernel with br_netfilter shows what is bridged to the rules for what is routed, too, as if
 * there were a second guard. A builder's need not have it.
 */
async function letBridgesBridge(place: NetworkPlace): Promise<void> {
  for (const family of ["ip", "ip6"])
    await place.run("sysctl", ["--quiet", "--ignore", "--write", `net.bridge.bridge-nf-call-${family}tables=0`]);
}

/** Every address is its own, except where a route says otherwise. */
async function beEverybody(place: NetworkPlace): Promise<void> {
  for (const all of ["0.0.0.0/0", "::/0"])
    await place.run("ip", ["route", "add", "local", all, "dev", "lo", "table", "main"]);
}

function nodad(address: string): readonly string[] {
  return address.includes(":") ? ["nodad"] : [];
}

const PROGRAM = fileURLToPath(new URL("answering.mjs", import.meta.url));

/** Somebody who listens at every address of a network, and answers names at some. */
async function answering(
  place: NetworkNamespace,
  ports: readonly number[],
  resolvers: readonly string[],
): Promise<AsyncDisposable> {
  for (const address of resolvers) await place.run("ip", ["address", "add", address, "dev", "lo", ...nodad(address)]);
  const { command, args } = place.enter(process.execPath, [PROGRAM, ...ports.map(String), ...resolvers]);
  const child: ChildProcess = spawn(command, args, { stdio: ["pipe", "pipe", "inherit"] });
  const ended = once(child, "close");
  const listening = once(child.stdout ?? child, "data");
  await Promise.race([
    listening,
    ended.then(() => {
      throw new Error(`Nobody listens in ${place.name}`);
    }),
  ]);
  return {
    [Symbol.asyncDispose]: async () => {
      child.stdin?.end();
      await ended;
    },
  };
}

/** Whether a connection is made within 600 ms. */
export async function connects(from: NetworkPlace, host: string, port: number): Promise<boolean> {
  const program = `
    const socket = require("net").connect(${port}, ${JSON.stringify(host)});
    socket.on("connect", () => process.exit(0)).on("error", () => process.exit(1));
    setTimeout(() => process.exit(1), 600);`;
  return from.run(process.execPath, ["-e", program]).then(
    () => true,
    () => false,
  );
}
