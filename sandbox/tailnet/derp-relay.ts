import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { Daemon } from "./daemon.ts";
import { LOOPBACK, type Where } from "./where.ts";

/**
 * Where nodes meet until they have found a direct way, and who tells them their addresses: DERP
 * over TLS, STUN on the same port of UDP.
 */
export interface RelayAddress {
  readonly host: string;
  readonly port: number;
}

/**
 * Tailscale's own relay, with a certificate that it signs itself. A tailnet needs one: a node that
 * finds none reachable is not "running" for the 5 s that its search may take.
 */
export class DerpRelay implements AsyncDisposable {
  readonly address: RelayAddress;
  readonly #daemon: Daemon;

  private constructor(address: RelayAddress, daemon: Daemon) {
    this.address = address;
    this.#daemon = daemon;
  }

  /** `port`: free for TCP and UDP at that address. `dir`: exists, and is ours. */
  static async start(
    options: { readonly derper: string; readonly dir: string; readonly where?: Where; readonly port: number },
    signal?: AbortSignal,
  ): Promise<DerpRelay> {
    const { derper, where, port } = options;
    const host = where?.host ?? LOOPBACK;
    const dir = join(options.dir, "relay");
    await mkdir(dir, { recursive: true });
    const args = [
      ...["-a", `${host}:${port}`, "-http-port", "-1", "-stun-port", `${port}`],
      ...["-hostname", host, "-certmode", "manual", "-certdir", dir, "-c", join(dir, "key.json")],
    ];
    const logFile = join(dir, "log");
    const daemon = await Daemon.start({ name: "The tailnet's relay", command: derper, args, logFile, where });
    try {
      await daemon.until("it listened", () => daemon.hasSaid("with TLS"), signal);
      return new DerpRelay({ host, port }, daemon);
    } catch (failure) {
      await daemon.kill();
      throw failure;
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#daemon[Symbol.asyncDispose]();
  }
}
