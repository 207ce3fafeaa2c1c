import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { type Done, type ProbePlan, planLine } from "../../../agent/adapters/network-probe/protocol.ts";
import { readWord } from "../../../agent/adapters/network-probe/read-word.ts";
import type { ProbeVia } from "../../../agent/core/network/probe-target.ts";
import { type RunOptions, run } from "../../../sandbox/net/command.ts";
import { networkOf } from "../../../sandbox/net/inhabitants.ts";
import type { NetworkNamespace } from "../../../sandbox/net/namespace.ts";
import { eventually } from "../../buildkit/real-buildkit.ts";

const MAIN = fileURLToPath(new URL("../../../dist/agent/cli/main.js", import.meta.url));
const CNI = "/usr/lib/cni";
/** Long for a handshake between namespaces, and for an answer of the world's. */
const DEADLINE_MS = 600;

/** What is tried, and what for, in the words of the test. */
export interface Target {
  readonly host: string;
  readonly port: number;
  readonly via?: ProbeVia;
}

/**
 * The network of one build step, made as BuildKit makes it: by the plugin, from the file that
 * BuildKit is given. In it the agent's probe tries what it is told; of the agent's own verification
 * there is nothing here.
 */
export class Step implements AsyncDisposable {
  readonly pid: number;
  readonly ipv4: string;
  readonly ipv6: string;
  readonly mac: string;
  /** The VM's end of its cable. */
  readonly cable: string;
  readonly #probe: ChildProcess;
  readonly #lines: AsyncIterator<string>;
  #heard = 0;
  readonly #detach: () => Promise<void>;

  private constructor(probe: ChildProcess, pid: number, result: Result, detach: () => Promise<void>) {
    this.#probe = probe;
    this.pid = pid;
    const addresses = result.ips.map(({ address }) => address.split("/")[0] ?? "");
    this.ipv4 = addresses.find((address) => !address.includes(":")) ?? "";
    this.ipv6 = addresses.find((address) => address.includes(":")) ?? "";
    this.mac = result.interfaces.find(({ sandbox }) => sandbox !== undefined)?.mac ?? "";
    this.cable = result.interfaces.find(({ sandbox }) => sandbox === undefined)?.name ?? "";
    if (probe.stdout === null) throw new Error("The probe has no output");
    this.#lines = createInterface({ input: probe.stdout })[Symbol.asyncIterator]();
    this.#detach = detach;
  }

  static async make(vm: NetworkNamespace, conflistFile: string): Promise<Step> {
    const { command, args } = vm.enter("unshare", ["--net", "--", process.execPath, MAIN, "network", "probe"]);
    const probe = spawn(command, args, { stdio: ["pipe", "pipe", "inherit"] });
    await once(probe, "spawn");
    const pid = probe.pid ?? 0;
    // Until it has left both, a plugin would change this machine's network, or the VM's.
    const others = [await networkOf(process.pid), await networkOf(vm.pid), undefined];
    await eventually(async () => !others.includes(await networkOf(pid)), "the step has a network of its own");
    const { cniVersion, name, plugins } = JSON.parse(await readFile(conflistFile, "utf8")) as Conflist;
    const [plugin] = plugins;
    const order = async (verb: "ADD" | "DEL"): Promise<string> => {
      const environment = [
        `CNI_COMMAND=${verb}`,
        `CNI_CONTAINERID=step-${pid}`,
        `CNI_NETNS=/proc/${pid}/ns/net`,
        "CNI_IFNAME=eth0",
        `CNI_PATH=${CNI}`,
      ];
      const input = JSON.stringify({ ...plugin, cniVersion, name });
      return vm.run("env", [...environment, join(CNI, plugin.type)], { input });
    };
    return new Step(probe, pid, JSON.parse(await order("ADD")) as Result, async () => void (await order("DEL")));
  }

  /**
   * What came of each: "answered", "silent", or the system's word for the failure. In their order.
   */
  async try(targets: readonly Target[], deadlineMs = DEADLINE_MS): Promise<readonly string[]> {
    const tries = targets.map(({ host, port, via = "tcp" }) => ({ host, port, via, deadlineMs }));
    const { outcomes } = await this.#ask({ listen: [], tries, nameservers: [] });
    return outcomes.map((outcome) => (outcome.is === "failed" ? outcome.code : outcome.is));
  }

  /** Somebody listens in here, at these of its addresses, from now on. */
  async listen(addresses: readonly string[]): Promise<Done["listening"]> {
    const { listening } = await this.#ask({ listen: addresses, tries: [], nameservers: [] });
    return listening;
  }

  /** How much has come to those who listen. */
  async heard(): Promise<number> {
    await this.try([]);
    return this.#heard;
  }

  /** As root with all rights in here. */
  run(command: string, args: readonly string[], options?: RunOptions): Promise<string> {
    return run("nsenter", [`--net=/proc/${this.pid}/ns/net`, "--", command, ...args], options);
  }

  async #ask(plan: ProbePlan): Promise<Done> {
    this.#probe.stdin?.write(planLine(plan));
    for (;;) {
      const next = await this.#lines.next();
      if (next.done === true) throw new Error("The probe ended");
      const word = readWord(next.value);
      if (word.is === "done") return word;
      this.#heard += 1;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#detach();
    const ended = once(this.#probe, "close");
    this.#probe.stdin?.end();
    await ended;
  }
}

interface Conflist {
  readonly cniVersion: string;
  readonly name: string;
  readonly plugins: readonly [{ readonly type: string }];
}

interface Result {
  readonly ips: readonly { readonly address: string }[];
  readonly interfaces: readonly { readonly name: string; readonly mac: string; readonly sandbox?: string }[];
}

/** Whether a packet got there: a reset comes from somebody, too. */
export function isReached(outcome: string): boolean {
  return outcome === "answered" || outcome === "ECONNREFUSED" || outcome === "ECONNRESET";
}
