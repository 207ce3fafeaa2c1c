import { mkdir } from "node:fs/promises";
import { systemClock } from "../adapters/clock/system-clock.ts";
import { nodeHandshakeBytes } from "../adapters/handshake-bytes/node-handshake-bytes.ts";
import { certificateReader } from "../adapters/keys/certificate-reader.ts";
import { keyMaker } from "../adapters/keys/key-maker.ts";
import { listenForControl } from "../adapters/link/server.ts";
import { nodeOwnBuffers } from "../adapters/own-buffers/node-own-buffers.ts";
import { nodeGauges } from "../adapters/runtime-gauges/node-gauges.ts";
import { SystemdNotify } from "../adapters/systemd/notify.ts";
import { tellKeeper } from "../adapters/systemd/tell-keeper.ts";
import { processLog } from "../adapters/telemetry/process-log.ts";
import { nodePeerReader } from "../adapters/x509/peer-reader.ts";
import { runGateway } from "../gateway/gateway.ts";
import { Branch } from "../lifecycle/branch.ts";
import { keepSecretsOut } from "./bundle/keep-secrets-out.ts";
import type { Cli } from "./cli.ts";
import type { Config, LoadedConfig } from "./config/config.ts";
import { inheritedSocket, placeBeside } from "./inherited-socket.ts";
import { logDefects } from "./last-words.ts";
import { layoutOf } from "./layout.ts";
import { optimiseLate } from "./optimise-late.ts";
import { retakeConfiguration } from "./retake-configuration.ts";
import type { GATEWAY_SECTIONS } from "./sections.ts";

type GatewaySection = (typeof GATEWAY_SECTIONS)[number];

/**
 * Builds the data plane, reads its configuration again with `load` when it is told to, and lives as
 * long as it. No gRPC here: this process speaks to nothing but control, over a unix socket.
 */
export async function startGateway(
  config: Pick<Config, GatewaySection>,
  load: () => Promise<LoadedConfig<GatewaySection>>,
  { environment, stop, hangup }: Cli,
): Promise<void> {
  const { gateway, paths } = config;
  optimiseLate();
  const log = processLog({ process: "gateway", ...config.log });
  logDefects(log);
  using over = new Branch(stop);
  void retakeConfiguration({ hangup, load, config, log }, over.signal);
  const layout = layoutOf(paths);
  await mkdir(layout.gatewayDir, { recursive: true, mode: 0o750 });
  // For control as well, which makes bundles of its own.
  await keepSecretsOut(layout.gatewaySecrets, 0o640, environment, log);
  using gauges = nodeGauges();
  const place = placeBeside(environment, layout.gatewaySockets.length);
  const succeeds = place !== undefined;
  tellKeeper(environment, process.pid, over.signal);
  using unit = new SystemdNotify({ environment, pid: process.pid, log, succeeds });
  await runGateway({
    listen: inheritedSocket(environment, process.pid) ?? gateway.listen,
    link: await listenForControl({ path: layout.gatewaySockets[place ?? 0] ?? layout.gatewaySocket, mode: 0o660, log }),
    keys: keyMaker(),
    certificates: certificateReader(),
    peers: nodePeerReader(),
    gauges,
    bytes: nodeHandshakeBytes(),
    buffers: nodeOwnBuffers(),
    unit,
    clock: systemClock(),
    log,
    droppedLogLines: log.droppedLines,
    limits: gateway,
    calls: gateway.calls,
    succeeds,
    buildkitSocket: layout.buildkitSocket,
    signal: stop,
  });
}
