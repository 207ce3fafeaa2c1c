import { readFile } from "node:fs/promises";
import { isIPv6 } from "node:net";
import type { NetworkFacts } from "../../core/network/facts.ts";
import type { ListeningPoint } from "../../core/network/probe-plan.ts";
import { Deadline } from "../../lifecycle/deadline.ts";
import { type Attached, type Attachment, attach, detach, INTERFACE, readConfigurationList } from "./cni.ts";
import { run } from "./command.ts";
import { ProbeProcess, type ProbeProgram } from "./probe-process.ts";
import { containerIdFor, type Unfinished } from "./unfinished.ts";

/** To leave the network again takes no longer, whoever has given up waiting for the rest. */
const DETACH_MS = 30_000;

export interface StepOptions {
  readonly facts: Pick<NetworkFacts, "cniConfigFile" | "cniBinaryDir">;
  readonly program: ProbeProgram;
  readonly unfinished: Unfinished;
  readonly startedMs: number;
}

/**
 * A network like that of a build step, made from the same file by the same plugins, with a probe in
 * it. Disposed, nothing is left of it.
 */
export class StepNetwork implements AsyncDisposable {
  readonly probe: ProbeProcess;
  readonly mac: string;
  /** The machine's end of its cable. */
  readonly machineLink: string;
  readonly ipv4: string;
  readonly ipv6: string;
  readonly #leave: () => Promise<void>;

  private constructor(probe: ProbeProcess, { mac, machineLink, addresses }: Attached, leave: () => Promise<void>) {
    this.probe = probe;
    this.mac = mac;
    this.machineLink = machineLink;
    this.ipv4 = addresses.find((address) => !isIPv6(address)) ?? "";
    this.ipv6 = addresses.find((address) => isIPv6(address)) ?? "";
    this.#leave = leave;
  }

  /** `which`: tells two of one verification apart. @throws {AgentError} "isolation.not-verified" */
  static async make(which: string, options: StepOptions, signal: AbortSignal): Promise<StepNetwork> {
    const { facts, program, unfinished, startedMs } = options;
    const text = await readFile(facts.cniConfigFile, "utf8");
    const attachment: Attachment = {
      containerId: containerIdFor(which, startedMs),
      list: readConfigurationList(text, facts.cniConfigFile),
      binaryDir: facts.cniBinaryDir,
    };
    const probe = await ProbeProcess.start(program, signal);
    const leave = async (): Promise<void> => {
      try {
        using deadline = new Deadline(DETACH_MS);
        await detach(attachment, probe.netnsPath, deadline.signal);
        await unfinished.done(attachment);
      } finally {
        unfinished.abandon(attachment);
        await probe[Symbol.asyncDispose]();
      }
    };
    try {
      await unfinished.note(attachment);
      return new StepNetwork(probe, await attach(attachment, probe.netnsPath, signal), leave);
    } catch (failure) {
      // What cannot be taken off now stays noted, and is by the next one.
      await leave().catch(() => undefined);
      throw failure;
    }
  }

  /** Lines for ip(8) in here. @throws {AgentError} "isolation.not-verified" */
  async ip(family: "-4" | "-6", lines: readonly string[], signal: AbortSignal): Promise<void> {
    const args = [`--net=${this.probe.netnsPath}`, "--", "ip", family, "-batch", "-"];
    await run({ program: "nsenter", args, input: `${lines.join("\n")}\n` }, signal);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#leave();
  }
}

/**
 * What a step with every right over its own network could tell its kernel to reach another one: its
 * hardware address, and a way through the machine.
 */
export function neighbourLines(
  gateway: string,
  mac: string,
  { host, tcpPort, udpPort }: ListeningPoint,
): readonly string[] {
  return [
    `neighbour replace ${host} lladdr ${mac} dev ${INTERFACE} nud permanent`,
    `route add ${host} via ${gateway} dev ${INTERFACE} table ${ROUTED_TABLE}`,
    `rule add to ${host} ipproto tcp dport ${tcpPort} lookup ${ROUTED_TABLE}`,
    `rule add to ${host} ipproto udp dport ${udpPort} lookup ${ROUTED_TABLE}`,
  ];
}

/** In the step's own network: any number is free. */
const ROUTED_TABLE = 100;
