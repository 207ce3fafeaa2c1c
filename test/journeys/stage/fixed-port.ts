import { randomInt } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:net";

/** Linux gives away ports from 32768 on by itself (net.ipv4.ip_local_port_range). */
const [LEAST, END] = [20_000, 32_000] as const;
const TRIES = 50;

/**
 * A free port of this machine's loopback for who closes it and opens it again: nobody is given it
 * meanwhile, and no client that still asks there comes to be connected with itself.
 */
export async function fixedPort(): Promise<number> {
  for (let left = TRIES; left > 0; left -= 1) {
    const port = randomInt(LEAST, END);
    if (await isFree(port)) return port;
  }
  throw new Error(`Of ${TRIES} ports from ${LEAST} to ${END} none was free`);
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer().listen(port, "127.0.0.1");
  try {
    await once(server, "listening");
  } catch {
    return false;
  }
  server.close();
  await once(server, "close");
  return true;
}
