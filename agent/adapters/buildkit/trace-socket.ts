import { access, rm } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";

const LOOK_EVERY_MS = 5;
/** It is made before anything that takes time; whoever has none by then has none. */
const DEADLINE_MS = 30_000;

/**
 * Takes buildkitd's trace socket away as soon as it can be. BuildKit (v0.33.1, executor/oci/spec.go) mounts it into every build step, as
 * /dev/otel-grpc.sock, for anybody to write to, and no setting keeps it from that; one whose file is gone it leaves out. Not before the socket for clients
 * is there too: buildkitd sets the mode of the first after it has made it, and ends if the file is gone by then. Resolves when it is done, or with `signal`.
 */
export async function takeAwayTraceSocket(path: string, clientSocket: string, signal: AbortSignal): Promise<void> {
  for (const until = Date.now() + DEADLINE_MS; Date.now() < until && !signal.aborted; ) {
    try {
      await access(clientSocket);
      await rm(path);
      return;
    } catch (failure) {
      if (!isMissing(failure)) throw failure;
      await sleep(LOOK_EVERY_MS);
    }
  }
}

function isMissing(failure: unknown): boolean {
  return failure instanceof Error && "code" in failure && failure.code === "ENOENT";
}
