import { mkdir } from "node:fs/promises";
import { systemClock } from "../adapters/clock/system-clock.ts";
import { certificateReader } from "../adapters/keys/certificate-reader.ts";
import { keyMaker } from "../adapters/keys/key-maker.ts";
import { listenForControl } from "../adapters/link/server.ts";
import { nodeGauges } from "../adapters/runtime-gauges/node-gauges.ts";
import { SystemdNotify } from "../adapters/systemd/notify.ts";
import { jsonLog } from "../adapters/telemetry/json-log.ts";
import { nodePeerReader } from "../adapters/x509/peer-reader.ts";
import { runGateway } from "../gateway/gateway.ts";
import type { Cli } from "./cli.ts";
import type { Config } from "./config/config.ts";
import { inheritedSocket } from "./inherited-socket.ts";
import { logDefects } from "./last-words.ts";
import { layoutOf } from "./layout.ts";

/** Builds the data plane and lives as long as it. No gRPC here: this process speaks to nothing but control, over a unix socket. */
export async function startGateway(
  { gateway, paths, log: { level } }: Pick<Config, "gateway" | "paths" | "log">,
  { environment, stop }: Cli,
): Promise<void> {
  const log = jsonLog({ process: "gateway", level });
  logDefects(log);
  const layout = layoutOf(paths);
  await mkdir(layout.gatewayDir, { recursive: true, mode: 0o750 });
  using gauges = nodeGauges();
  using unit = new SystemdNotify({ environment, pid: process.pid, log });
  await runGateway({
    listen: inheritedSocket(environment, process.pid) ?? gateway.listen,
    link: await listenForControl({ path: layout.gatewaySocket, mode: 0o660, log }),
    keys: keyMaker(),
    certificates: certificateReader(),
    peers: nodePeerReader(),
    gauges,
    unit,
    clock: systemClock(),
    log,
    limits: gateway,
    buildkitSocket: layout.buildkitSocket,
    signal: stop,
  });
}
