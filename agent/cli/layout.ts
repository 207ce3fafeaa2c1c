import { join } from "node:path";

/** Where things lie under the configured directories. Every process derives the same. */
export interface Layout {
  /** The gateway listens, control connects. */
  readonly gatewaySocket: string;
  /** The launcher listens, control asks it to start and stop BuildKit. */
  readonly managerSocket: string;
  readonly buildkitSocket: string;
  /** buildkitd's own trace collector. Anybody may write to it, so it lies in a closed directory. */
  readonly buildkitTraceSocket: string;
  readonly buildkitConfigFile: string;
  readonly cniConfigFile: string;
  readonly identityDir: string;
  readonly recordsDir: string;
  readonly cacheDir: string;
}

export function layoutOf(paths: {
  readonly stateDir: string;
  readonly runtimeDir: string;
  readonly cacheDir: string;
}): Layout {
  const { stateDir, runtimeDir, cacheDir } = paths;
  return {
    gatewaySocket: join(runtimeDir, SOCKETS.gateway),
    managerSocket: join(runtimeDir, SOCKETS.manager),
    buildkitSocket: join(runtimeDir, SOCKETS.buildkit),
    buildkitTraceSocket: join(runtimeDir, SOCKETS.buildkitTrace),
    buildkitConfigFile: join(runtimeDir, "buildkit", "buildkitd.toml"),
    cniConfigFile: join(runtimeDir, "buildkit", "cni.conflist"),
    identityDir: join(runtimeDir, "identity"),
    recordsDir: join(stateDir, "records"),
    cacheDir,
  };
}

/** `sun_path` is 108 bytes (unix(7)), and its last one ends the text. */
export const SOCKET_PATH_MAX_BYTES = 107;

/** Bytes of the longest socket path under `runtimeDir`. */
export function longestSocketBytes(runtimeDir: string): number {
  return Math.max(...Object.values(SOCKETS).map((name) => Buffer.byteLength(join(runtimeDir, name))));
}

const SOCKETS = {
  gateway: "gateway.sock",
  manager: "manager.sock",
  buildkit: "buildkitd.sock",
  buildkitTrace: "buildkit/otel.sock",
} as const;
