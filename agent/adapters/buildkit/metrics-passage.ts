import { connect, createServer, type Server, type Socket } from "node:net";
import { AgentError } from "../../core/errors.ts";
import { Deadline } from "../../lifecycle/deadline.ts";
import { tooMany } from "../../wire/listener.ts";
import { debugPage } from "./debug-page.ts";

/** The end of a page: one that was cut off has none (as OpenMetrics ends). */
const END = "# EOF\n";
/** Of v0.33.1 it has 60 KB. */
const PAGE_MAX_BYTES = 1024 * 1024;
const PAGE_MS = 2_000;
const MAX_CONNECTIONS = 4;

export interface PassageOptions {
  /** buildkitd's own, which root alone may open. */
  readonly debugSocket: string;
  /** Without a question for so long it ends: whoever listens for it starts it again. */
  readonly idleMs: number;
  readonly onFailure: (err: unknown) => void;
}

/**
 * Gives whoever connects BuildKit's page of metrics and nothing else: nothing is read of what
 * comes, so no other page can be asked for. Resolves when nobody has asked for `idleMs`, or with
 * `signal`.
 */
export async function serveMetricsPassage(
  listen: { readonly fd: number } | { readonly path: string },
  { debugSocket, idleMs, onFailure }: PassageOptions,
  signal: AbortSignal,
): Promise<void> {
  const over = new AbortController();
  const idle = setTimeout(() => over.abort(), idleMs);
  const stop = (): void => over.abort();
  signal.addEventListener("abort", stop, { once: true });
  if (signal.aborted) stop();
  const open = new Set<Promise<void>>();
  const server = createServer((socket) => {
    idle.refresh();
    const passed = pass(socket, debugSocket, over.signal)
      .catch(onFailure)
      .finally(() => open.delete(passed));
    open.add(passed);
  });
  server.maxConnections = MAX_CONNECTIONS;
  server.on("drop", () => onFailure(tooMany(server)));
  try {
    await listening(server, listen);
    if (!over.signal.aborted)
      await new Promise<void>((resolve) => over.signal.addEventListener("abort", () => resolve(), { once: true }));
  } finally {
    clearTimeout(idle);
    signal.removeEventListener("abort", stop);
    server.close();
    await Promise.all(open);
  }
}

async function pass(socket: Socket, debugSocket: string, signal: AbortSignal): Promise<void> {
  // Whoever asked may be gone; what it sent is not looked at.
  socket.on("error", () => undefined).resume();
  using limit = new Deadline(PAGE_MS, signal);
  try {
    socket.end(Buffer.concat([await whole(debugPage(debugSocket, "/metrics", limit.signal)), Buffer.from(END)]));
  } finally {
    socket.destroySoon();
  }
}

/** The page as the passage at `socketPath` gives it. @throws {AgentError} "buildkit.no-metrics" */
export async function passedMetrics(socketPath: string, signal: AbortSignal): Promise<string> {
  const socket = connect(socketPath);
  const close = (): void => void socket.destroy();
  signal.addEventListener("abort", close, { once: true });
  if (signal.aborted) close();
  try {
    const page = (await whole(socket as AsyncIterable<Buffer>)).toString("utf8");
    if (page.endsWith(END)) return page.slice(0, -END.length);
    throw new AgentError("buildkit.no-metrics", `${socketPath} gave no whole page: BuildKit did not answer there`, {
      retryable: true,
    });
  } finally {
    signal.removeEventListener("abort", close);
    socket.destroy();
  }
}

/** The page as buildkitd's debug socket gives it. */
export async function debugMetrics(socketPath: string, signal: AbortSignal): Promise<string> {
  return (await whole(debugPage(socketPath, "/metrics", signal))).toString("utf8");
}

async function whole(pieces: AsyncIterable<Buffer>): Promise<Buffer> {
  const kept: Buffer[] = [];
  let bytes = 0;
  for await (const piece of pieces) {
    bytes += piece.length;
    if (bytes > PAGE_MAX_BYTES)
      throw new AgentError("buildkit.no-metrics", `BuildKit's page of metrics is larger than ${PAGE_MAX_BYTES} bytes`, {
        retryable: true,
      });
    kept.push(piece);
  }
  return Buffer.concat(kept);
}

function listening(server: Server, listen: { readonly fd: number } | { readonly path: string }): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", reject).listen(listen, () => {
      server.off("error", reject);
      resolve();
    });
  });
}
