import { join } from "node:path";
import { z } from "zod";
import { Deadline } from "../../sandbox/deadline.ts";
import { BenchFailed } from "../failure.ts";
import type { Credentials } from "../load/credentials.ts";
import { Child } from "../process/child.ts";
import { START_DEADLINE_MS, type Subject } from "./subject.ts";

const Told = z.object({ address: z.string() });

export interface FarEnd extends Subject {
  /** Where the proxies reach it. */
  readonly socket: string;
}

/**
 * A process that sinks, sends and echoes bytes behind a unix socket; as the subject "direct" also
 * without any proxy.
 */
export async function startFarEnd(options: {
  readonly program: string;
  readonly dir: string;
  readonly credentials: Credentials;
  readonly signal: AbortSignal;
}): Promise<FarEnd> {
  const { program, dir, credentials, signal } = options;
  const socket = join(dir, "far-end.sock");
  const files = {
    socket,
    cert: credentials.serverCertFile,
    key: credentials.serverKeyFile,
    ca: credentials.buildCaFile,
  };
  const args = ["far-end", ...Object.entries(files).map(([flag, value]) => `-${flag}=${value}`)];
  const child = await Child.start({ command: program, args });
  using deadline = new Deadline(START_DEADLINE_MS, signal);
  try {
    const line = await child.firstLine(deadline.signal);
    return {
      name: "direct",
      address: Told.parse(JSON.parse(line)).address,
      socket,
      [Symbol.asyncDispose]: () => child[Symbol.asyncDispose](),
    };
  } catch (cause) {
    await child[Symbol.asyncDispose]();
    throw new BenchFailed("The far end did not start.", { cause });
  }
}
