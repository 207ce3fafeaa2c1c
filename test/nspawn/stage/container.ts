import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { Scope } from "../../../agent/lifecycle/scope.ts";
import { eventually } from "../../journeys/stage/eventually.ts";
import { makeCgroup } from "./cgroup.ts";
import { command } from "./command.ts";
import type { Disk } from "./disk.ts";
import type { Network } from "./network.ts";

const LEAVING_MS = 90_000;

/** One boot of a machine: its systemd is the first process of a container. */
export class Container implements AsyncDisposable {
  /** Of its first process, as this machine sees it. */
  readonly leader: number;
  readonly #nspawn: ChildProcess;
  readonly #ended: Promise<unknown>;
  readonly #scope: Scope;

  private constructor(leader: number, nspawn: ChildProcess, ended: Promise<unknown>, scope: Scope) {
    this.leader = leader;
    this.#nspawn = nspawn;
    this.#ended = ended;
    this.#scope = scope;
  }

  /** Resolves when its first process runs; its units come up after that. */
  static async boot(disk: Disk, network: Network, credentials: Readonly<Record<string, string>>): Promise<Container> {
    const scope = new Scope();
    const name = basename(dirname(disk.root));
    const cgroup = await makeCgroup(scope, name);
    const args = [
      ...["--quiet", "--directory", disk.root, "--boot", "--register=no", "--keep-unit", "--console=pipe"],
      ...[`--machine=${name}`, `--network-namespace-path=${network.place.path}`, "--resolv-conf=off", "--timezone=off"],
      ...["--capability=all", "--system-call-filter=@keyring bpf @mount", "--link-journal=no"],
      ...[`--bind=${disk.cache}:/var/lib/builder-agent/plain-cache`],
      ...Object.entries(credentials).map(([id, value]) => `--set-credential=${id}:${value}`),
    ];
    // The shell moves itself, and so all that it becomes.
    const inCgroup = ["-c", 'echo $$ >"$0/cgroup.procs" && exec systemd-nspawn "$@"', cgroup, ...args];
    const nspawn = spawn("sh", inCgroup, {
      stdio: ["ignore", "pipe", "pipe"],
      env: { ...process.env, SYSTEMD_NSPAWN_UNIFIED_HIERARCHY: "1" },
      detached: true,
    });
    const said: string[] = [];
    for (const stream of [nspawn.stdout, nspawn.stderr])
      stream.on("data", (piece: Buffer) => said.push(piece.toString()));
    const ended = once(nspawn, "close");
    try {
      const leader = await eventually("the container's first process", () => {
        if (nspawn.exitCode !== null) throw new Error(`systemd-nspawn ended:\n${said.join("")}`);
        return leaderOf(nspawn.pid ?? 0);
      });
      return new Container(leader, nspawn, ended, scope);
    } catch (failure) {
      nspawn.kill("SIGKILL");
      await scope[Symbol.asyncDispose]();
      throw failure;
    }
  }

  /** Runs a program in it. @throws {Error} with all that it said, unless it ends with 0. */
  run(program: string, args: readonly string[] = [], deadlineMs?: number): Promise<string> {
    const namespaces = ["--mount", "--uts", "--ipc", "--net", "--pid", "--cgroup"];
    // This machine's PATH leads nowhere in there.
    const its = ["/usr/bin/env", "PATH=/usr/sbin:/usr/bin:/sbin:/bin"];
    const enter = ["--target", String(this.leader), ...namespaces, "--", ...its, program, ...args];
    return command("nsenter", enter, deadlineMs);
  }

  /** Properties of a unit, as systemd tells them. */
  async show<const P extends string>(unit: string, ...properties: readonly P[]): Promise<Record<P, string>> {
    const text = await this.run("systemctl", ["show", `--property=${properties.join(",")}`, unit]);
    const told = new Map(text.split("\n").map((line) => [line.split("=")[0], line.slice(line.indexOf("=") + 1)]));
    return Object.fromEntries(properties.map((name) => [name, told.get(name) ?? ""])) as Record<P, string>;
  }

  /** A process of a unit, as this machine sees it. */
  async mainPid(unit: string): Promise<number> {
    const inside = (await this.show(unit, "MainPID")).MainPID;
    for (const task of await childrenOf(this.leader)) {
      const status = await readFile(`/proc/${task}/status`, "utf8").catch(() => "");
      if (/^NSpid:.*\t(\d+)$/m.exec(status)?.[1] === inside) return task;
    }
    throw new Error(`${unit} has no process`);
  }

  /**
   * What the unit's main process has started and runs still, the oldest first, as this machine sees
   * it: of the gateway's, the gateways.
   */
  async childrenOf(unit: string): Promise<readonly number[]> {
    return childrenOf(await this.mainPid(unit));
  }

  /** Resolves when it has shut down by itself. */
  async gone(): Promise<void> {
    await eventually("the machine is off", () => this.#nspawn.exitCode !== null, LEAVING_MS);
    await this.#ended;
  }

  /** As if the power were cut. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#nspawn.exitCode === null && this.#nspawn.signalCode === null) process.kill(this.leader, "SIGKILL");
    await this.#ended;
    await this.#scope[Symbol.asyncDispose]();
  }
}

async function leaderOf(nspawn: number): Promise<number | undefined> {
  for (const child of await childrenOf(nspawn)) {
    const name = await readFile(join("/proc", String(child), "comm"), "utf8").catch(() => "");
    if (name.trim() === "systemd") return child;
  }
  return undefined;
}

async function childrenOf(pid: number): Promise<readonly number[]> {
  const text = await readFile(`/proc/${pid}/task/${pid}/children`, "utf8").catch(() => "");
  return text.split(" ").filter(Boolean).map(Number);
}
