import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import type { OpenedBuildFiles } from "../../../../sandbox/admin/request.ts";
import { answersHttp2 } from "../../stage/http2-settings.ts";
import { dial } from "../../stage/serving-certificate.ts";

const AGAIN_MS = 10;
const DEADLINE_MS = 60_000;

/**
 * Dials as the build's client until BuildKit answers through the gateway; gives how long that took.
 * One that is turned away tries again at once, as none of the stock clients does.
 */
export async function untilServed(build: OpenedBuildFiles): Promise<number> {
  const beganMs = performance.now();
  for (;;) {
    if (await isServed(build)) return performance.now() - beganMs;
    if (performance.now() - beganMs > DEADLINE_MS)
      throw new Error(`No session through the gateway within ${DEADLINE_MS / 1_000} s`);
    await sleep(AGAIN_MS);
  }
}

async function isServed(build: OpenedBuildFiles): Promise<boolean> {
  const socket = await dial(build, ["h2"]).catch(() => undefined);
  if (socket === undefined) return false;
  const closed = once(socket, "close").then(() => false);
  try {
    return await Promise.race([answersHttp2(socket).catch(() => false), closed]);
  } finally {
    socket.destroy();
  }
}
