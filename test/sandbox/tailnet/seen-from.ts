import { execFile } from "node:child_process";
import { text } from "node:stream/consumers";
import type { Peer } from "../../../sandbox/tailnet/peer.ts";
import { tailnetTools } from "./needs-tailnet.ts";

const DEADLINE_MS = 20_000;

/** What a node sees at a URL of its tailnet, headers included; "" if nothing. */
export async function seenFrom({ socket }: Peer, url: string): Promise<string> {
  const { hostname, port } = new URL(url);
  const args = [`--socket=${socket}`, "nc", hostname, port || "80"];
  const { stdin, stdout } = execFile(tailnetTools().tailscale, args, { timeout: DEADLINE_MS });
  if (stdin === null || stdout === null) throw new Error("tailscale nc has no pipes.");
  // The input stays open: at its end, the answer would not be waited for.
  stdin.write(`GET / HTTP/1.1\r\nHost: ${hostname}\r\nConnection: close\r\n\r\n`);
  return text(stdout);
}
