import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { connect, createServer } from "node:net";
import { join } from "node:path";
import type { Scope } from "../../../agent/lifecycle/scope.ts";
import { inTree } from "../../../sandbox/stack/tree.ts";
import { eventually } from "../../journeys/stage/eventually.ts";
import { command } from "./command.ts";

/** A network namespace with a loopback and nothing else, and this process's control plane at a port of it. */
export interface Network {
  /** For systemd-nspawn, and for nsenter. */
  readonly path: string;
  /** Where the machine finds the control plane. */
  readonly planeEndpoint: string;
}

const PLANE_PORT = 9443;

/** @param planePort Of the control plane, on this machine's loopback. `scope` then owns the network. */
export async function makeNetwork(scope: Scope, workDir: string, planePort: number): Promise<Network> {
  const name = `builder-${randomBytes(4).toString("hex")}`;
  await command("ip", ["netns", "add", name]);
  scope.defer(() => command("ip", ["netns", "delete", name]).then(() => undefined));
  await command("ip", ["-n", name, "link", "set", "lo", "up"]);
  const path = `/run/netns/${name}`;
  const socketPath = join(workDir, "plane.sock");
  await forward(scope, socketPath, planePort);
  await relay(scope, path, socketPath);
  return { path, planeEndpoint: `127.0.0.1:${PLANE_PORT}` };
}

/** Unix sockets know no network namespaces: what comes over this one goes to the control plane. */
async function forward(scope: Scope, socketPath: string, port: number): Promise<void> {
  const server = createServer((near) => {
    const far = connect({ host: "127.0.0.1", port });
    near.pipe(far).pipe(near);
    near.on("error", () => far.destroy()).on("close", () => far.destroy());
    far.on("error", () => near.destroy()).on("close", () => near.destroy());
  });
  server.listen(socketPath);
  await once(server, "listening");
  scope.defer(() => void server.close());
}

/** The other half, a process inside the namespace. */
async function relay(scope: Scope, namespace: string, socketPath: string): Promise<void> {
  const script = inTree("test/nspawn/stage/relay.mjs");
  const args = [`--net=${namespace}`, "--", process.execPath, script, String(PLANE_PORT), socketPath];
  const child = spawn("nsenter", args, { stdio: ["ignore", "pipe", "inherit"] });
  const ended = once(child, "exit");
  scope.defer(async () => {
    child.kill("SIGKILL");
    await ended;
  });
  let said = "";
  child.stdout.on("data", (piece: Buffer) => (said += piece.toString()));
  await eventually("the relay listens", () => said.includes("listening"));
}
