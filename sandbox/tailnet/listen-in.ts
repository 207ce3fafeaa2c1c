import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createServer, Server } from "node:net";
import { text } from "node:stream/consumers";
import { LOOPBACK, type Where } from "./where.ts";

const DEADLINE_MS = 10_000;

/** Runs in the other network: listens, gives the socket away and ends. */
const LISTEN = `
const server = require("node:net").createServer();
server.on("error", (error) => { console.error(error.message); process.exit(1); });
server.listen(Number(process.argv[2]), process.argv[1], () =>
  process.send("listening", server, () => process.exit(0)));
`;

/**
 * A socket of this process that listens in another network: a socket belongs to the network that it
 * was made in, whoever holds it. Port 0: a free one. @throws {Error} with what the system said.
 */
export async function listenIn({ host = LOOPBACK, place }: Where, port = 0): Promise<Server> {
  if (place === undefined) {
    const server = createServer();
    server.listen(port, host);
    await once(server, "listening");
    return server;
  }
  const { command, args } = place.enter(process.execPath, ["-e", LISTEN, host, `${port}`]);
  const child = spawn(command, args, { stdio: ["ignore", "ignore", "pipe", "ipc"] });
  const complaint = child.stderr === null ? Promise.resolve("") : text(child.stderr).catch(() => "");
  try {
    return await given(child, AbortSignal.timeout(DEADLINE_MS));
  } catch (cause) {
    child.kill("SIGKILL");
    throw new Error(`Cannot listen on ${host}:${port} there: ${(await complaint).trim()}`, { cause });
  }
}

async function given(child: ChildProcess, signal: AbortSignal): Promise<Server> {
  const closed = once(child, "close");
  const message = await Promise.race([once(child, "message", { signal }), closed.then(() => undefined)]);
  await closed;
  const server: unknown = message?.[1];
  if (server instanceof Server) return server;
  throw new Error("the process there ended before it listened");
}

/** @throws {Error} if it does not listen on TCP. */
export function portOf(server: Server): number {
  const bound = server.address();
  if (typeof bound === "object" && bound !== null) return bound.port;
  throw new Error("This server does not listen on TCP.");
}
