import { type ChannelOptions, Client, credentials, type ServiceError } from "@grpc/grpc-js";

/**
 * While it restarts we want to know soon; grpc-js would wait up to two minutes between two tries to
 * connect.
 */
const OPTIONS = {
  "grpc.initial_reconnect_backoff_ms": 50,
  "grpc.max_reconnect_backoff_ms": 1_000,
  "grpc.enable_http_proxy": 0,
  "grpc.service_config_disable_resolution": 1,
  // Absolute paths may hold what is no name of a host.
  "grpc.default_authority": "localhost",
} as const;

/** One channel, which reconnects by itself. */
export function buildkitClient(socketPath: string, options: ChannelOptions = {}): Client {
  return new Client(`unix:${socketPath}`, credentials.createInsecure(), { ...OPTIONS, ...options });
}

/** What a call of grpc-js fails with. */
export function isServiceError(failure: unknown): failure is ServiceError {
  return failure instanceof Error && "code" in failure && "details" in failure;
}

/** What an error may say; 16 KB of headers are let through. */
const WORDS_MAX = 1_000;

/** BuildKit's own words for what failed, as far as anybody reads them. */
export function wordsOf({ details }: Pick<ServiceError, "details">): string {
  return details.length > WORDS_MAX ? `${details.slice(0, WORDS_MAX)}…` : details;
}

/** What a call that its own signal has cancelled fails with. */
export function abortReason(signal: AbortSignal): Error {
  return signal.reason instanceof Error ? signal.reason : new Error("Cancelled", { cause: signal.reason });
}
