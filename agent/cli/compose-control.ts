import { mkdir } from "node:fs/promises";
import { assignmentFile } from "../adapters/assignment/assignment-file.ts";
import { GrpcBuildkitCache } from "../adapters/buildkit/grpc-cache.ts";
import { readPreparation } from "../adapters/buildkit/preparation-file.ts";
import { GrpcBuildkitProbe } from "../adapters/buildkit/probe.ts";
import { GrpcStepTrial } from "../adapters/buildkit/step-trial.ts";
import { answeredRequests } from "../adapters/bundle/answered-requests.ts";
import { systemClock } from "../adapters/clock/system-clock.ts";
import { endOrderFile } from "../adapters/end-orders/end-order-file.ts";
import { connectControlPlane } from "../adapters/grpc/connect-control-plane.ts";
import { logLibrary } from "../adapters/grpc/library-log.ts";
import { listenHealth } from "../adapters/health/listen-health.ts";
import { caDates } from "../adapters/keys/ca-dates.ts";
import { certificateReader } from "../adapters/keys/certificate-reader.ts";
import { identityStore } from "../adapters/keys/identity-store.ts";
import { keyMaker } from "../adapters/keys/key-maker.ts";
import { awsKms } from "../adapters/kms/aws-kms.ts";
import { connectToGateways } from "../adapters/link/gateways.ts";
import { countStart } from "../adapters/machine/count-start.ts";
import { linuxMachine } from "../adapters/machine/linux-machine.ts";
import { agentVersion } from "../adapters/machine/versions.ts";
import { machineNames } from "../adapters/names/machine-names.ts";
import { operatorDesk } from "../adapters/operators/desk.ts";
import { openRecords } from "../adapters/records/open-records.ts";
import { ownRuntime } from "../adapters/runtime-gauges/own-runtime.ts";
import { SystemdNotify } from "../adapters/systemd/notify.ts";
import { tellKeeper } from "../adapters/systemd/tell-keeper.ts";
import { processLog } from "../adapters/telemetry/process-log.ts";
import { prometheusMeters } from "../adapters/telemetry/prometheus-meters.ts";
import { OtlpTraces } from "../adapters/traces/otlp-traces.ts";
import { troubleFile } from "../adapters/troubles/trouble-file.ts";
import { type AgentEnding, runAgent } from "../control/agent.ts";
import { sessionTrace } from "../core/traces/told-as-traces.ts";
import { Branch } from "../lifecycle/branch.ts";
import { Pulse } from "../lifecycle/pulse.ts";
import { Scope } from "../lifecycle/scope.ts";
import { buildkitConfiguration } from "./buildkit-configuration.ts";
import { buildkitMetricsOf } from "./buildkit-metrics-of.ts";
import { controlBundles } from "./bundle/control-bundles.ts";
import { keepSecretsOut } from "./bundle/keep-secrets-out.ts";
import type { Cli } from "./cli.ts";
import { debugPortsOf } from "./compose-debug.ts";
import { evidenceSource } from "./compose-evidence.ts";
import { noticeSource } from "./compose-notices.ts";
import { tailnetOf } from "./compose-tailnet.ts";
import type { LoadedConfig } from "./config/config.ts";
import { formatHostPort } from "./config/host-port.ts";
import { logDefects } from "./last-words.ts";
import { layoutOf } from "./layout.ts";
import { planeProxy } from "./plane-proxy.ts";
import { retakeConfiguration } from "./retake-configuration.ts";
import { buildNetworkOf, servicesOf } from "./service-manager.ts";

/**
 * Builds all that the control process asks of the outside, tells its story, and closes in reverse.
 * `load` reads the configuration again. `caPem`: the control plane's pinned CA.
 */
export async function startControl(
  loaded: LoadedConfig,
  load: () => Promise<LoadedConfig>,
  caPem: string,
  cli: Cli,
): Promise<AgentEnding> {
  const { config } = loaded;
  const { paths, controlPlane, cacheVolume, buildkit, drain } = config;
  const bridged = config.network.mode === "bridge";
  const layout = layoutOf(paths);
  const log = processLog({ process: "control", ...config.log });
  logDefects(log);
  logLibrary(log);
  const retryNow = new Pulse();
  using over = new Branch(cli.stop);
  void retakeConfiguration({ hangup: cli.hangup, load, config, log, afterEach: () => retryNow.note() }, over.signal);
  for (const directory of [layout.controlDir, layout.operatorsDir])
    await mkdir(directory, { recursive: true, mode: 0o750 });
  await keepSecretsOut(layout.controlSecrets, 0o600, cli.environment, log);
  const clock = systemClock();
  const startedMonoMs = clock.now().monoMs - performance.now();
  const machine = linuxMachine({ buildkitBinary: buildkit.binary });
  const bootId = await machine.bootId();
  const { meters, registry } = prometheusMeters({
    version: agentVersion(),
    controlRestarts: await countStart(layout.controlStarts, bootId, log),
    droppedLogLines: log.droppedLines,
  });
  await using scope = new Scope();
  const ended = new AbortController();
  scope.defer(() => ended.abort());
  // Also while it ends, which may take long.
  tellKeeper(cli.environment, process.pid, ended.signal);
  using ownUnit = new SystemdNotify({ environment: cli.environment, pid: process.pid, log });
  const { capabilities, units, ...services } = servicesOf(config.services.manager, layout, clock, log);
  const tailnet = tailnetOf(config, units, cli.environment, { clock, log });
  const board = scope.own(
    await listenHealth({ ...config.health.listen, registry, more: buildkitMetricsOf(config, layout), log }),
  );
  log.info({ url: board.url }, "health.listening");
  const proxy = planeProxy(controlPlane, cli.environment);
  if (proxy !== undefined) log.info({ proxy: formatHostPort(proxy) }, "control-plane.proxy");
  const endpoint = formatHostPort(controlPlane.endpoint);
  const plane = connectControlPlane({
    endpoint,
    ...(controlPlane.serverName !== undefined && { serverName: controlPlane.serverName }),
    ...(proxy !== undefined && { proxy }),
    caPem,
    log,
    meters,
  });
  const traces = scope.own(new OtlpTraces({ clock, log, meters, version: agentVersion() }));
  const records = await openRecords({
    directory: layout.recordsDir,
    bootId,
    clock,
    log,
    onRecord(session) {
      const { ending, durationMs, bytesFromClient, bytesToClient } = session;
      meters.sessionClosed(ending, durationMs, bytesFromClient, bytesToClient);
      traces.tell(sessionTrace(session));
    },
  });
  const debug = debugPortsOf(config, layout, plane);
  return await runAgent(
    {
      clock,
      log,
      meters,
      machine,
      plane: scope.own(plane),
      records: scope.own(records),
      traces,
      board,
      assignment: assignmentFile(layout.assignmentFile),
      keptOrders: endOrderFile(layout.endOrdersFile, log),
      troubles: troubleFile({
        file: layout.troublesFile,
        ends: { gateway: layout.gatewayEnd, control: layout.controlEnd },
        log,
      }),
      gateway: connectToGateways({ paths: layout.gatewaySockets, clock, log }),
      keys: keyMaker(),
      certificates: certificateReader(),
      cas: { pinned: caDates(caPem), read: caDates },
      identityStore: identityStore({ directory: layout.identityDir, log }),
      evidence: evidenceSource(config.identity, log),
      notices: noticeSource(config),
      ...services,
      keyUnwrap: awsKms(),
      names: machineNames,
      buildNetwork: bridged ? buildNetworkOf(layout, clock) : undefined,
      tailnet,
      debug,
      ownUnit,
      ownRuntime: scope.own(ownRuntime(clock)),
      diagnostics: {
        plane,
        bundles: controlBundles(
          { layout, stateDir: paths.stateDir, runtimeDir: paths.runtimeDir, healthUrl: board.url, config: loaded },
          cli.environment,
        ),
        answered: await answeredRequests(layout.answeredDiagnostics, log),
      },
      operators: operatorDesk({ path: layout.operatorsSocket, log }),
      probe: scope.own(new GrpcBuildkitProbe(layout.buildkitSocket, config.health.listen.port)),
      trial: scope.own(new GrpcStepTrial(layout.buildkitSocket)),
      preparation: () => readPreparation(layout.buildkitPrepared),
      buildkitCache: scope.own(new GrpcBuildkitCache(layout.buildkitSocket, layout.cacheDir)),
      configuration: await buildkitConfiguration(config, log),
    },
    {
      cacheRoot: layout.cacheDir,
      cache: cacheVolume,
      capabilities: [
        ...capabilities,
        "diagnostics",
        "traces",
        ...(bridged ? ["egress"] : []),
        ...(tailnet === undefined ? [] : ["tailnet"]),
        ...(debug === undefined ? [] : ["debug-terminal"]),
      ],
      startedMonoMs,
      addresses: {
        controlPlane: endpoint,
        gateway: formatHostPort(config.gateway.listen),
        health: new URL(board.url).host,
      },
      traces: config.telemetry,
      ending: { graceMs: drain.graceMs, buildkitGraceMs: drain.stopGraceMs },
    },
    { stop: cli.stop, hurry: cli.hurry, retryNow },
  );
}
