import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { Scope } from "../../../../agent/lifecycle/scope.ts";
import { NetworkNamespace } from "../../../../sandbox/net/namespace.ts";
import { Relay } from "../../../../sandbox/net/relay/relay.ts";
import { connect } from "../../../../sandbox/net/veth.ts";
import { makeRuntimeDir } from "../../../../sandbox/stack/runtime-dir.ts";
import { inTree } from "../../../../sandbox/stack/tree.ts";
import type { Uplink } from "../../../../sandbox/stack/vm-network.ts";

const RESOLVER_PROGRAM = inTree("test/journeys/tailnet/stage/resolver.mjs");

/** Of documentation (RFC 5737). */
const ROUTER = "203.0.113.1";
const RESOLVER = "203.0.113.53";
const LINK = "uplink0";
/** Where the machine finds its control plane, whatever its own address is. */
const PLANE = "203.0.113.10:443";

/** A network between a machine and its control plane, in which the machine may move. */
export class MovingNetwork implements Uplink {
  readonly resolvConf = `nameserver ${RESOLVER}\noptions timeout:1 attempts:1\n`;
  #planePort = 0;
  #resolver: ChildProcess | undefined;

  leadTo(planePort: number): void {
    this.#planePort = planePort;
  }

  async join(vm: NetworkNamespace): Promise<AsyncDisposable> {
    const scope = new Scope();
    try {
      const dir = scope.own(await makeRuntimeDir()).path;
      const between = scope.own(await NetworkNamespace.make({ name: "between" }));
      const [host = "", port = ""] = PLANE.split(":");
      scope.own(await Relay.start({ namespace: between, dir, offered: [this.#planePort], reached: 0 }));
      await between.run("ip", ["address", "add", `${host}/32`, "dev", "lo"]);
      await between.run("ip", ["address", "add", `${RESOLVER}/32`, "dev", "lo"]);
      this.#resolver = spawnResolver(between, host);
      const ended = once(this.#resolver, "close");
      scope.defer(async () => {
        this.#resolver?.kill("SIGKILL");
        await ended;
      });
      await between.run("sh", ["-c", "echo 1 >/proc/sys/net/ipv4/conf/all/route_localnet"]);
      const led = `tcp dport ${port} ip daddr ${host} dnat to 127.0.0.1:${this.#planePort}`;
      await between.run("nft", [`table ip led { chain in { type nat hook prerouting priority -100; ${led}; }; }`]);
      await connect(
        { place: between, link: "machine0", addresses: [`${ROUTER}/24`] },
        { place: vm, link: LINK, addresses: ["203.0.113.2/24"], routes: [{ to: "default", via: ROUTER }] },
      );
      return scope;
    } catch (failure) {
      await scope[Symbol.asyncDispose]();
      throw failure;
    }
  }

  /** From now on nobody answers who asks for a name. */
  loseNames(): void {
    this.#resolver?.kill("SIGSTOP");
  }

  findNames(): void {
    this.#resolver?.kill("SIGCONT");
  }

  /** The link goes down, and comes up with this address alone. */
  async move(vm: NetworkNamespace, address: string, downMs: () => Promise<unknown>): Promise<void> {
    await vm.run("ip", ["address", "flush", "dev", LINK]);
    await vm.run("ip", ["link", "set", LINK, "down"]);
    await downMs();
    await vm.run("ip", ["link", "set", LINK, "up"]);
    await vm.run("ip", ["address", "add", address, "dev", LINK]);
    await vm.run("ip", ["route", "add", "default", "via", ROUTER]);
  }
}

/** Every name is that address. */
function spawnResolver(place: NetworkNamespace, address: string): ChildProcess {
  const { command, args } = place.enter(process.execPath, [RESOLVER_PROGRAM, RESOLVER, address]);
  return spawn(command, args, { stdio: ["pipe", "ignore", "inherit"] });
}
