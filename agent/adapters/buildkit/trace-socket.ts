import { rm, stat } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";

const LOOK_EVERY_MS = 5;
/** The last that buildkitd does to it (cmd/buildkitd/main_unix.go, getLocalListener). */
const WHOLE_MODE = 0o666;
/** It is made before anything that takes time; whoever has none by then has none. */
const DEADLINE_MS = 30_000;

/**
 * Takes buildkitd's trace socket away as soon as it can be. BuildKit (v0.33.1,
 * executor/oci/spec.go) mounts it into every build step, as /dev/otel-grpc.sock, for anybody to
 * write to, and no setting keeps it from that; one whose file is gone it leaves out. Not before it
 * is whole: buildkitd makes it, then sets its owner and its mode, and ends if the file is gone by
 * then. That is before it serves clients. Resolves when it is done, or with `signal`.
 */
export async function takeAwayTraceSocket(path: string, signal: AbortSignal): Promise<void> {
  for (const until = Date.now() + DEADLINE_MS; Date.now() < until && !signal.aborted; await sleep(LOOK_EVERY_MS))
    if (await isWhole(path)) {
      await rm(path, { force: true });
      return;
    }
}

async function isWhole(path: string): Promise<boolean> {
  try {
    return ((await stat(path)).mode & 0o777) === WHOLE_MODE;
  } catch (failure) {
    if (isMissing(failure)) return false;
    throw failure;
  }
}

function isMissing(failure: unknown): boolean {
  return failure instanceof Error && "code" in failure && failure.code === "ENOENT";
}
