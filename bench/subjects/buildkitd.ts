import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fixedPort } from "../../sandbox/net/fixed-port.ts";
import type { Credentials } from "../load/credentials.ts";
import { startListener } from "./start-listener.ts";
import type { Subject } from "./subject.ts";

export interface Buildkit extends Subject {
  /** Where the proxies reach it. */
  readonly socket: string;
}

/**
 * One real buildkitd for everybody: on a unix socket for the proxies, and on a TLS listener of its
 * own as their peer.
 */
export async function startBuildkit(options: {
  readonly buildkitd: string;
  readonly runc: string;
  readonly dir: string;
  readonly credentials: Credentials;
  readonly signal: AbortSignal;
}): Promise<Buildkit> {
  const { dir, credentials } = options;
  const port = await fixedPort();
  const socket = join(dir, "buildkitd.sock");
  const config = join(dir, "buildkitd.toml");
  await mkdir(dir, { recursive: true });
  // A file of our own, if empty: without it a machine's /etc/buildkit would have a say.
  await writeFile(config, "");
  const flags = {
    config,
    root: join(dir, "root"),
    "otel-socket-path": join(dir, "otel.sock"),
    "containerd-worker": "false",
    // The builds here run nothing: no network is set up for them.
    "oci-worker-net": "host",
    "oci-worker-gc": "false",
    tlscert: credentials.serverCertFile,
    tlskey: credentials.serverKeyFile,
    tlscacert: credentials.buildCaFile,
  };
  const addresses = ["--addr", `unix://${socket}`, "--addr", `tcp://127.0.0.1:${port}`];
  const args = [...addresses, ...Object.entries(flags).map(([flag, value]) => `--${flag}=${value}`)];
  const env = { PATH: `${dirname(options.runc)}:${process.env["PATH"] ?? ""}` };
  const child = await startListener({ command: options.buildkitd, args, env }, port, options.signal);
  return {
    name: "buildkitd",
    address: `127.0.0.1:${port}`,
    socket,
    [Symbol.asyncDispose]: () => child[Symbol.asyncDispose](),
  };
}
