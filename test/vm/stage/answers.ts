import { once } from "node:events";
import { connect } from "node:tls";
import type { VmStage } from "./vm-stage.ts";

const ATTEMPT_DEADLINE_MS = 60_000;
/** Prints what health answers, and after how many milliseconds of the guest's own. */
const ASK_HEALTH = [
  "began=${EPOCHREALTIME/./}",
  "exec 3<>/dev/tcp/127.0.0.1/9464",
  "printf 'GET /livez HTTP/1.0\\r\\n\\r\\n' >&3",
  `read -r -t ${ATTEMPT_DEADLINE_MS / 1_000} -u 3 line`,
  'echo "$(( (${EPOCHREALTIME/./} - began) / 1000 )) $line"',
].join("; ");

/** The longest waits, in milliseconds. */
export interface Waits {
  health: number;
  handshake: number;
}

/**
 * Asks control for its health and the gateway for a handshake, again and again until `over`.
 * @throws {Error} if one of them does not answer.
 */
export async function longestWaits(stage: VmStage, over: AbortSignal): Promise<Waits> {
  const longest: Waits = { health: 0, handshake: 0 };
  while (!over.aborted) {
    longest.health = Math.max(longest.health, await healthWait(stage));
    longest.handshake = Math.max(longest.handshake, await handshakeWait(stage.buildPort));
  }
  return longest;
}

async function healthWait({ guest }: VmStage): Promise<number> {
  const said = await guest.run("exec bash -s", { stdin: ASK_HEALTH });
  const [, waitedMs] = /^(\d+) HTTP\/1\.1 200 /.exec(said) ?? [];
  if (waitedMs === undefined) throw new Error(`Control's health answered: ${said}`);
  return Number(waitedMs);
}

/** Until the gateway has shown its certificate: whom it then lets in is another matter. */
async function handshakeWait(port: number): Promise<number> {
  const beganMs = performance.now();
  const socket = connect({ host: "127.0.0.1", port, ALPNProtocols: ["h2"], rejectUnauthorized: false });
  try {
    await once(socket, "secureConnect", { signal: AbortSignal.timeout(ATTEMPT_DEADLINE_MS) });
    return performance.now() - beganMs;
  } finally {
    socket.on("error", () => undefined).destroy();
  }
}
