import { openSync } from "node:fs";
import { connect } from "node:net";
import { describe, expect, it } from "vitest";
import { KeptSocket } from "../../agent/adapters/launcher/kept-socket.ts";
import { ListeningSocket } from "../../sandbox/net/listening-socket.ts";
import { needsStage } from "../journeys/stage/whether.ts";
import { RealAgent } from "./real-agent.ts";

needsStage();

/**
 * Resolves once somebody has taken the connection: a gateway without a certificate ends it. Nobody:
 * it stays in the queue.
 */
async function taken(port: number): Promise<void> {
  const socket = connect(port, "127.0.0.1");
  let refused: Error | undefined;
  socket.on("error", (error: NodeJS.ErrnoException) => (refused = error.code === "ECONNRESET" ? undefined : error));
  socket.resume().write("this is no TLS");
  await new Promise((resolve) => socket.once("close", resolve));
  if (refused !== undefined) throw refused;
}

describe("a launcher that was given a listening socket", () => {
  it("hands it to each gateway; a client that comes between two of them waits", async () => {
    const socket = await ListeningSocket.open({ host: "127.0.0.1", port: 0 });
    const { port } = socket.address;
    await using agent = await RealAgent.start({ LISTEN_FDS: "1" }, socket.fd);
    socket[Symbol.dispose]();
    expect(agent.lines.find(({ event }) => event === "launcher.started")).toMatchObject({ inheritedSocket: true });
    await taken(port);
    const first = agent.childPid("gateway") ?? 0;
    process.kill(first, "SIGKILL");
    await taken(port);
    expect(agent.childPid("gateway")).not.toBe(first);
  });

  it("says what is wrong when there is none at the promised place", async () => {
    const refused = new KeptSocket(openSync("/dev/null", "r")).hand(() => undefined);
    await expect(refused).rejects.toMatchObject({ code: "gateway.cannot-listen" });
    await expect(refused).rejects.toThrow("LISTEN_FDS");
  });
});
