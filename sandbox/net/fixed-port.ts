import { randomInt } from "node:crypto";
import { once } from "node:events";
import { createServer, type Server } from "node:net";

/** Linux gives away ports from 32768 on by itself (net.ipv4.ip_local_port_range). */
const [LEAST, END] = [20_000, 32_000] as const;
const TRIES = 50;

/**
 * A free port of this address for who closes it and opens it again: nobody is given it meanwhile,
 * and no client that still asks there comes to be connected with itself.
 */
export async function fixedPort(host = "127.0.0.1"): Promise<number> {
  const server = createServer();
  const port = await listenOnFixedPort(server, host);
  server.close();
  await once(server, "close");
  return port;
}

/**
 * The same, and the server listens there already.
 * @throws {Error} when none of 50 is free; the address's own error when it is not this machine's.
 */
export async function listenOnFixedPort(server: Server, host = "127.0.0.1"): Promise<number> {
  for (let left = TRIES; left > 0; left -= 1) {
    const port = randomInt(LEAST, END);
    server.listen(port, host);
    if (await isListening(server)) return port;
  }
  throw new Error(`Of ${TRIES} ports of ${host} from ${LEAST} to ${END} none was free`);
}

async function isListening(server: Server): Promise<boolean> {
  try {
    await once(server, "listening");
    return true;
  } catch (err) {
    if (err instanceof Error && "code" in err && err.code === "EADDRINUSE") return false;
    throw err;
  }
}
