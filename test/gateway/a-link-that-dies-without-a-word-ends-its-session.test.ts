import { spawn } from "node:child_process";
import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { expect, it } from "vitest";
import { NetworkNamespace } from "../../sandbox/net/namespace.ts";
import type { CertificateWithKey } from "../../sandbox/pki/certificate-authority.ts";
import { Rig } from "./rig.ts";

/**
 * As few as let the test end soon: some 3 s. The network's unit sets 8, some 100 s
 * (test/network/the-network-is-made-and-kept.test.ts).
 */
const RETRANSMISSIONS = process.env["BUILDER_AGENT_RETRANSMISSIONS"] || "3";
const DEADLINE_MS = 150_000;
/** Longer than the dead one takes. */
const SLOW_READER_MS = 15_000;

const LOOK_EVERY_MS = 50;

/** More than any socket buffers: bytes stay under way. */
const BLOCK = Buffer.alloc(64 * 1024);

/** A client of its own process in `place`: asks once, and tells its port; reads on, or does not. */
async function client(rig: Rig, place: NetworkNamespace, certificate: CertificateWithKey, reads: boolean) {
  const options = { port: rig.port, host: "127.0.0.1", cert: certificate.chainPem, key: certificate.keyPem };
  const script = `
    const socket = require("node:tls").connect({ ...${JSON.stringify(options)}, rejectUnauthorized: false });
    socket.once("data", () => { ${reads ? "" : "socket.pause();"} console.log(socket.localPort); });
    socket.write("?");
    // A paused socket keeps no process.
    setInterval(() => undefined, 1_000);
    socket.on("error", () => undefined);`;
  const { command, args } = place.enter(process.execPath, ["--eval", script]);
  const child = spawn(command, [...args], { stdio: ["ignore", "pipe", "inherit"] });
  const port = await new Promise<number>((resolve) =>
    child.stdout.once("data", (line) => resolve(Number(String(line)))),
  );
  const gone = once(child, "exit");
  return {
    port,
    [Symbol.asyncDispose]: async () => {
      child.kill("SIGKILL");
      await gone;
    },
  };
}

function closed(rig: Rig) {
  return rig.events.all.flatMap((event) => {
    if (event.is !== "closed") return [];
    const { peer, ending, detail } = event.summary;
    return [{ port: Number(peer.split(":").at(-1)), ending, detail }];
  });
}

it(
  "though bytes are under way to the client, and one that only reads slowly keeps its own",
  async ({ annotate }) => {
    await using place = await NetworkNamespace.make();
    await place.run("sysctl", ["-qw", `net.ipv4.tcp_retries2=${RETRANSMISSIONS}`]);
    await using rig = await Rig.start({
      asProcess: true,
      place,
      serve: (socket) => {
        const pour = (): void => {
          while (!socket.destroyed && socket.write(BLOCK));
        };
        socket.on("data", pour).on("drain", pour);
      },
    });
    const certificate = await rig.open();
    await using dying = await client(rig, place, certificate, true);
    await using slow = await client(rig, place, certificate, false);
    const rules = `table inet gone { chain in { type filter hook input priority 0; tcp dport ${dying.port} drop; }; }`;
    const startedMs = performance.now();
    await place.run("nft", ["-f", "-"], { input: rules });
    let tookMs = 0;
    while (closed(rig).length === 0 && tookMs < DEADLINE_MS) {
      await sleep(LOOK_EVERY_MS);
      tookMs = performance.now() - startedMs;
    }
    await annotate(`dead after ${(tookMs / 1_000).toFixed(1)} s`);
    await sleep(SLOW_READER_MS);
    expect(closed(rig)).toEqual([{ port: dying.port, ending: "client-error", detail: "ETIMEDOUT" }]);
    expect(closed(rig)).not.toContainEqual(expect.objectContaining({ port: slow.port }));
  },
  DEADLINE_MS + 60_000,
);
