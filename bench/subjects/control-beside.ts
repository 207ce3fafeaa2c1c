import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Deadline } from "../../sandbox/deadline.ts";
import { Child } from "../process/child.ts";
import { type Ground, START_DEADLINE_MS } from "./subject.ts";

/**
 * The agent's control process, as it runs beside the gateway on every builder: both are one
 * program, and the pages of it that both have read are in memory once. It finds no control plane,
 * no gateway and no launcher here, and waits.
 */
export async function startControlBeside(
  { dir, credentials, signal }: Omit<Ground, "socket">,
  { node, main }: { readonly node: string; readonly main: string },
): Promise<AsyncDisposable> {
  await mkdir(dir, { recursive: true });
  const tokenFile = join(dir, "token");
  await writeFile(tokenFile, "none");
  const flags = {
    "control-plane-endpoint": "127.0.0.1:9",
    "control-plane-ca-file": credentials.buildCaFile,
    "identity-kind": "join-token",
    "identity-token-file": tokenFile,
    "health-listen": "127.0.0.1:0",
    "paths-runtime-dir": join(dir, "run"),
    "paths-state-dir": join(dir, "state"),
  };
  const given = Object.entries(flags).flatMap(([flag, value]) => [`--${flag}`, value]);
  const child = await Child.start({ command: node, args: [main, "control", ...given] });
  using deadline = new Deadline(START_DEADLINE_MS, signal);
  try {
    await child.firstLine(deadline.signal);
  } catch (failure) {
    await child[Symbol.asyncDispose]();
    throw failure;
  }
  return child;
}
