import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { z } from "zod";
import { Daemon } from "./daemon.ts";
import type { TailnetTools } from "./tools.ts";
import type { Where } from "./where.ts";

const JOIN_DEADLINE_MS = 30_000;

export interface PeerOptions {
  readonly tools: TailnetTools;
  /** Exists; short enough for a socket in it. */
  readonly dir: string;
  /** Its host name, and the first part of its MagicDNS name. */
  readonly name: string;
  readonly where?: Where;
  readonly loginUrl: string;
  readonly authKey: string;
  /** CIDRs that it offers to be the way to. */
  readonly routes?: readonly string[];
  /** Whether it takes the ways that other peers offer. Default: no. */
  readonly acceptRoutes?: boolean;
}

const statusShape = z.object({
  BackendState: z.string(),
  Self: z.object({ ID: z.string(), DNSName: z.string(), TailscaleIPs: z.array(z.string()) }),
});

/**
 * A node of the customer's own: a real tailscaled with a network stack of its own in user space, so
 * that it needs neither root nor an interface, and several may share a machine. Connections to it
 * end at 127.0.0.1 of the network that it is in; those through it at their target.
 */
export class Peer implements AsyncDisposable {
  readonly nodeId: string;
  /** MagicDNS name, without the last dot. */
  readonly name: string;
  readonly addresses: readonly string[];
  /** Of its LocalAPI: for `tailscale --socket`. */
  readonly socket: string;
  readonly #daemon: Daemon;

  private constructor(daemon: Daemon, socket: string, { Self }: z.infer<typeof statusShape>) {
    this.#daemon = daemon;
    this.socket = socket;
    this.nodeId = Self.ID;
    this.name = Self.DNSName.replace(/\.$/, "");
    this.addresses = Self.TailscaleIPs;
  }

  /**
   * Resolves when it is a running node. @throws {SandboxFailure} with the end of its log; {Error}
   * with the client's words.
   */
  static async join(options: PeerOptions, signal?: AbortSignal): Promise<Peer> {
    const { tools, name, where, loginUrl, authKey, routes = [], acceptRoutes = false } = options;
    const dir = join(options.dir, name);
    await mkdir(dir, { recursive: true, mode: 0o700 });
    const socket = join(dir, "s");
    const daemon = await Daemon.start({
      name: `The peer ${name}`,
      command: tools.tailscaled,
      args: [
        "--tun=userspace-networking",
        "--port=0",
        `--statedir=${dir}`,
        `--socket=${socket}`,
        "--no-logs-no-support",
      ],
      env: NOTHING_OUTSIDE,
      logFile: join(dir, "log"),
      where,
    });
    try {
      await daemon.until("it answered", async () => existsSync(socket) || undefined, signal);
      const asked = async (...args: readonly string[]): Promise<string> => {
        const aborts = signal === undefined ? {} : { signal };
        const words = [`--socket=${socket}`, ...args];
        const limits = { timeout: JOIN_DEADLINE_MS, killSignal: "SIGKILL", ...aborts } as const;
        return (await promisify(execFile)(tools.tailscale, words, limits)).stdout;
      };
      const joining = [
        `--login-server=${loginUrl}`,
        `--hostname=${name}`,
        `--advertise-routes=${routes.join(",")}`,
        `--accept-routes=${acceptRoutes}`,
      ];
      // A key among the arguments could be read by every process.
      const keyFile = join(dir, "auth-key");
      await writeFile(keyFile, authKey, { mode: 0o600 });
      await asked("up", ...joining, `--auth-key=file:${keyFile}`, `--timeout=${JOIN_DEADLINE_MS / 1_000}s`);
      await rm(keyFile);
      return new Peer(daemon, socket, statusShape.parse(JSON.parse(await asked("status", "--json", "--peers=false"))));
    } catch (failure) {
      await daemon.kill();
      signal?.throwIfAborted();
      throw failure;
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#daemon[Symbol.asyncDispose]();
  }
}

/** No log leaves this machine, and a daemon that would ask the real service ends at once. */
const NOTHING_OUTSIDE = { TS_NO_LOGS_NO_SUPPORT: "1", TS_PANIC_IF_HIT_MAIN_CONTROL: "1" } as const;
