import { join } from "node:path";

/** Where things lie under the configured directories. Every process derives the same. */
export interface Layout {
  /** The gateway's own directory: it listens there, control connects. */
  readonly gatewayDir: string;
  readonly gatewaySocket: string;
  /** What the launcher has its OpenSSL read. */
  readonly gatewayOpenssl: string;
  /** Those of gateways that are replaced, and that one: control looks at all of them. */
  readonly gatewaySockets: readonly [string, ...string[]];
  /** The launcher listens, control asks it to start and stop BuildKit. */
  readonly managerSocket: string;
  /** systemd listens, control hands over the order for the cache volume. */
  readonly volumeSocket: string;
  /** Of root: which volume is open, for those who check and close it. */
  readonly volumeRuntimeDir: string;
  /** Of root: the label key, and what is being formatted. */
  readonly volumeStateDir: string;
  /** systemd or the launcher listens, control orders the builds' network. */
  readonly networkSocket: string;
  /**
   * Of root, for everybody to read: what is in force of the builds' network, and what BuildKit
   * takes from there.
   */
  readonly networkDir: string;
  readonly networkState: string;
  /** Builds' networks are made from it. */
  readonly networkConflist: string;
  /**
   * What buildkitd and builds see as /etc/resolv.conf; its directory is what buildkitd sees as
   * systemd-resolved's.
   */
  readonly networkResolvConf: string;
  /** The program by which BuildKit gets a network of its own, and where that one mounts things. */
  readonly networkOfBuildkit: string;
  readonly networkMountDir: string;
  /** Which addresses are given to builds; written by whoever makes their networks. */
  readonly networkLeasesDir: string;
  /** systemd or the launcher listens; a connection makes a process that holds a terminal. */
  readonly terminalSocket: string;
  /** Those whose shell is root's. */
  readonly rootTerminalSocket: string;
  /** Control's: whose machine this boot began as. */
  readonly assignmentFile: string;
  /** Orders to end that were not carried out yet, in this boot. */
  readonly endOrdersFile: string;
  /** Control's: which debug grants were used since the machine booted. */
  readonly usedGrants: string;
  /** Control's: recordings of terminals, until the control plane has stored them. */
  readonly recordingsDir: string;
  /** tailscaled listens there, control steers it. */
  readonly tailnetSocket: string;
  /** Of root: tailscaled's keys, in memory. */
  readonly tailnetStateDir: string;
  /** Control's: under which grant this machine is a node. */
  readonly tailnetMemory: string;
  /** Control listens there; root and the operators' group may enter. */
  readonly operatorsDir: string;
  readonly operatorsSocket: string;
  /** Control's own directory. */
  readonly controlDir: string;
  /** Of control and of the gateway: what the secrets look like that they hold, for bundles. */
  readonly controlSecrets: string;
  readonly gatewaySecrets: string;
  /** Control's: which requests for diagnostics it has answered in this boot. */
  readonly answeredDiagnostics: string;
  readonly identityDir: string;
  /** Of control: how often it was started in this boot. */
  readonly controlStarts: string;
  /** What went wrong lately. */
  readonly troublesFile: string;
  /** How the last run of each ended: by the launcher, or by systemd (ExecStopPost=). */
  readonly gatewayEnd: string;
  readonly controlEnd: string;
  /** As which release each was started, by its unit. */
  readonly gatewayParts: string;
  readonly buildkitParts: string;
  /** What control proposes to whoever starts BuildKit as root, where that is not the launcher. */
  readonly buildkitProposal: string;
  /** Gateway and control may enter it. */
  readonly buildkitDir: string;
  readonly buildkitSocket: string;
  /** How the last preparation of BuildKit's start went. */
  readonly buildkitPrepared: string;
  /** buildkitd's own trace collector. Anybody may write to it, so it lies in a closed directory. */
  readonly buildkitTraceSocket: string;
  /** buildkitd's debug pages, where it is told to serve them; closed like that one. */
  readonly buildkitDebugSocket: string;
  /** For control: of its debug pages the one of metrics. */
  readonly buildkitMetricsSocket: string;
  readonly buildkitConfigFile: string;
  /** What the unit of buildkitd adds to its environment. */
  readonly buildkitEnvironmentFile: string;
  readonly cniConfigFile: string;
  readonly recordsDir: string;
  /** Of root, for everybody to read: how its last small write to the mounted cache went. */
  readonly cacheWrites: string;
  /** The cache: the mounted volume, or a plain directory. */
  readonly cacheDir: string;
  readonly buildkitRoot: string;
}

export function layoutOf(paths: {
  readonly stateDir: string;
  readonly runtimeDir: string;
  readonly cacheDir: string;
}): Layout {
  const { stateDir, runtimeDir, cacheDir } = paths;
  const controlDir = join(runtimeDir, "control");
  const buildkitDir = join(runtimeDir, "buildkit");
  const privateDir = join(buildkitDir, "private");
  const networkDir = join(runtimeDir, "network");
  return {
    gatewayDir: join(runtimeDir, "gateway"),
    gatewaySocket: join(runtimeDir, SOCKETS.gateway),
    gatewayOpenssl: join(runtimeDir, "gateway-openssl.cnf"),
    gatewaySockets: [
      join(runtimeDir, SOCKETS.gateway),
      join(runtimeDir, SOCKETS.gateway2),
      join(runtimeDir, SOCKETS.gateway3),
      join(runtimeDir, SOCKETS.gateway4),
    ],
    gatewayEnd: join(runtimeDir, "gateway", "last-end"),
    controlEnd: join(controlDir, "last-end"),
    gatewayParts: join(runtimeDir, "gateway", "parts"),
    buildkitParts: join(buildkitDir, "parts"),
    managerSocket: join(runtimeDir, SOCKETS.manager),
    volumeSocket: join(runtimeDir, SOCKETS.volume),
    volumeRuntimeDir: join(runtimeDir, "volume"),
    volumeStateDir: join(stateDir, "volume"),
    networkSocket: join(runtimeDir, SOCKETS.network),
    networkDir,
    networkState: join(networkDir, "network.json"),
    networkConflist: join(networkDir, "cni.conflist"),
    networkResolvConf: join(networkDir, "resolve", "resolv.conf"),
    networkOfBuildkit: join(networkDir, "buildkit.sh"),
    networkMountDir: join(networkDir, "buildkit"),
    networkLeasesDir: join(networkDir, "leases"),
    terminalSocket: join(runtimeDir, SOCKETS.terminal),
    rootTerminalSocket: join(runtimeDir, SOCKETS.rootTerminal),
    assignmentFile: join(controlDir, "assignment.json"),
    endOrdersFile: join(controlDir, "end-orders.json"),
    usedGrants: join(controlDir, "debug-grants.json"),
    recordingsDir: join(stateDir, "recordings"),
    tailnetSocket: join(runtimeDir, SOCKETS.tailnet),
    tailnetStateDir: join(runtimeDir, "tailnet", "state"),
    tailnetMemory: join(controlDir, "tailnet.json"),
    operatorsDir: join(runtimeDir, "operators"),
    operatorsSocket: join(runtimeDir, SOCKETS.operators),
    controlDir,
    controlSecrets: join(controlDir, "secret-digests.json"),
    gatewaySecrets: join(runtimeDir, "gateway", "secret-digests.json"),
    answeredDiagnostics: join(controlDir, "diagnostics.json"),
    identityDir: join(controlDir, "identity"),
    controlStarts: join(controlDir, "starts.json"),
    troublesFile: join(controlDir, "troubles.json"),
    buildkitProposal: join(controlDir, "buildkitd.toml"),
    buildkitDir,
    buildkitSocket: join(runtimeDir, SOCKETS.buildkit),
    buildkitPrepared: join(buildkitDir, "prepared.json"),
    buildkitTraceSocket: join(runtimeDir, SOCKETS.buildkitTrace),
    buildkitDebugSocket: join(runtimeDir, SOCKETS.buildkitDebug),
    buildkitMetricsSocket: join(runtimeDir, SOCKETS.buildkitMetrics),
    buildkitConfigFile: join(privateDir, "buildkitd.toml"),
    buildkitEnvironmentFile: join(privateDir, "buildkitd.env"),
    cniConfigFile: join(privateDir, "cni.conflist"),
    recordsDir: join(stateDir, "records"),
    cacheWrites: join(runtimeDir, "cache-watch", "write"),
    cacheDir,
    buildkitRoot: join(cacheDir, "buildkit"),
  };
}

/** `sun_path` is 108 bytes (unix(7)), and its last one ends the text. */
export const SOCKET_PATH_MAX_BYTES = 107;

/** Bytes of the longest socket path under `runtimeDir`. */
export function longestSocketBytes(runtimeDir: string): number {
  return Math.max(...Object.values(SOCKETS).map((name) => Buffer.byteLength(join(runtimeDir, name))));
}

const SOCKETS = {
  gateway: "gateway/gateway.sock",
  gateway2: "gateway/gateway-2.sock",
  gateway3: "gateway/gateway-3.sock",
  gateway4: "gateway/gateway-4.sock",
  manager: "manager.sock",
  volume: "volume.sock",
  network: "network.sock",
  tailnet: "tailnet/tailscaled.sock",
  terminal: "terminal.sock",
  rootTerminal: "terminal-root.sock",
  operators: "operators/operators.sock",
  buildkit: "buildkit/buildkitd.sock",
  buildkitTrace: "buildkit/private/otel.sock",
  buildkitDebug: "buildkit/private/debug.sock",
  buildkitMetrics: "buildkit-metrics.sock",
} as const;
