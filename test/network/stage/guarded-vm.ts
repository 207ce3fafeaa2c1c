import { type ChildProcess, type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { connect, createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { stringify } from "smol-toml";
import type { AppliedNetwork, IsolationReport, NetworkOrder } from "../../../agent/core/network/order.ts";
import { eventually, tool, whyNoBuildkit } from "../../buildkit/real-buildkit.ts";
import { openOrder } from "./orders.ts";
import type { World } from "./world.ts";

const MAIN = fileURLToPath(new URL("../../../dist/agent/cli/main.js", import.meta.url));

/** As systemd starts it for each connection; root asks. */
const SERVE = ["network", "serve", "--peer", "1-1-0"];
const VERIFY = `${JSON.stringify({ version: 1, verb: "verify" })}\n`;

export interface Said {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

export interface Serving {
  readonly child: ChildProcess;
  /** Control's end. */
  readonly connection: Socket;
}

/** The ports that the agent is configured to listen on. */
export const AGENT_PORTS = { gateway: 8443, health: 9464 } as const;

/**
 * The real `builder-agent network serve` in the VM, started for each request as systemd does it.
 */
export class GuardedVm {
  readonly runtimeDir: string;
  readonly configFile: string;
  /** What BuildKit makes steps' networks from. */
  readonly conflistFile: string;
  readonly world: World;

  private constructor(world: World) {
    this.world = world;
    this.runtimeDir = join(world.dir, "run");
    this.configFile = join(world.dir, "agent.toml");
    this.conflistFile = join(this.runtimeDir, "network", "cni.conflist");
  }

  static async make(world: World, network: Readonly<Record<string, string>> = {}): Promise<GuardedVm> {
    const vm = new GuardedVm(world);
    const config = {
      gateway: { listen: `0.0.0.0:${AGENT_PORTS.gateway}` },
      health: { listen: `127.0.0.1:${AGENT_PORTS.health}` },
      paths: { stateDir: join(world.dir, "state"), runtimeDir: vm.runtimeDir },
      buildkit: { cniBinaryDir: dirname(tool("cniPtp")) },
      network: { mode: "bridge", ...network },
    };
    await writeFile(vm.configFile, stringify(config));
    return vm;
  }

  async apply(order: Partial<NetworkOrder> = {}): Promise<AppliedNetwork> {
    const { network } = (await this.#request({ verb: "apply", order: openOrder(order) })) as {
      readonly network: AppliedNetwork;
    };
    await this.world.answerBuilds(network);
    return network;
  }

  async verify(): Promise<IsolationReport> {
    const { report } = (await this.#request({ verb: "verify" })) as { readonly report: IsolationReport };
    return report;
  }

  /** The positive control: nothing of the guard is left. */
  async guardOff(): Promise<void> {
    await this.world.vm.run("nft", ["delete", "table", "inet", "builder_agent"]);
  }

  /** Of the VM's end of a step's cable. */
  async linkLocal(cable: string): Promise<string> {
    const look = (): Promise<string> =>
      this.world.vm.run("ip", ["-6", "-brief", "address", "show", cable, "scope", "link"]);
    await eventually(async () => (await look()).includes("fe80:"), "the cable has a link-local address");
    return /fe80:[^/ ]*/.exec(await look())?.[0] ?? "";
  }

  /** A command of the agent as root in the VM, its input open. */
  start(args: readonly string[]): ChildProcessWithoutNullStreams {
    const words = [MAIN, ...args, "--config", this.configFile];
    const { command, args: entered } = this.world.vm.enter(process.execPath, words);
    const child = spawn(command, entered, { stdio: "pipe" });
    child.stdin.on("error", () => undefined);
    return child;
  }

  /** The same to its end. */
  async agent(args: readonly string[], input = ""): Promise<Said> {
    const child = this.start(args);
    child.stdin.write(input);
    const [out, err] = await Promise.all([text(child.stdout), text(child.stderr), once(child, "close")]);
    return { code: child.exitCode, out, err };
  }

  /** Asks for a verification, and does not wait. */
  startVerification(): Promise<Serving> {
    return this.#serve(VERIFY);
  }

  /** As systemd does it: the connection is the process's standard input and output. */
  async #serve(line: string): Promise<Serving> {
    const folder = await mkdtemp(join(tmpdir(), "guarded-vm-"));
    const server = createServer({ pauseOnConnect: true });
    try {
      server.listen(join(folder, "network.sock"));
      await once(server, "listening");
      const connection = connect({ path: join(folder, "network.sock"), allowHalfOpen: true });
      connection.on("error", () => undefined);
      const [accepted] = (await once(server, "connection")) as [Socket];
      const words = [MAIN, ...SERVE, "--config", this.configFile];
      const { command, args } = this.world.vm.enter(process.execPath, words);
      const child = spawn(command, args, { stdio: [accepted, accepted, "pipe"] });
      accepted.destroy();
      connection.write(line);
      return { child, connection };
    } finally {
      server.close();
      await rm(folder, { recursive: true, force: true });
    }
  }

  async #request(request: object): Promise<unknown> {
    const line = `${JSON.stringify({ version: 1, ...request })}\n`;
    const { child, connection } = await this.#serve(line);
    const said = child.stderr === null ? "" : text(child.stderr);
    // As control does: whoever has the answer hangs up.
    const answered = text(connection).finally(() => connection.destroy());
    const [out, err] = await Promise.all([answered, said, once(child, "close")]);
    const answer = JSON.parse(out || "{}") as { readonly is?: string; readonly message?: string };
    if (answer.is === undefined || answer.is === "failed") throw new Error(`${answer.message ?? "no answer"}\n${err}`);
    return answer;
  }
}

/** Why there cannot be one here; undefined when there can. */
export function whyNoGuardedVm(): string | undefined {
  if (!existsSync(MAIN)) throw new Error("dist/ is missing. Run node tools/setup.mjs test, as npm test does.");
  return whyNoBuildkit();
}
