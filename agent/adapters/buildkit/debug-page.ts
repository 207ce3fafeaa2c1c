import { type IncomingMessage, request } from "node:http";
import { AgentError } from "../../core/errors.ts";

/** What may be asked for. The cache's pages are not among them: they show customers' file names. */
export type DebugPage = "/debug/pprof/goroutine?debug=2" | "/debug/vars" | "/metrics";

/**
 * A page of buildkitd's debug socket (`buildkit.debugSocket`), as it comes.
 * @throws {AgentError} "buildkit.no-debug-page"; what the socket says otherwise.
 */
export async function* debugPage(
  socketPath: string,
  page: DebugPage,
  signal: AbortSignal,
): AsyncGenerator<Buffer, void, undefined> {
  const asked = request({ socketPath, path: page, signal, headers: { host: "localhost", connection: "close" } });
  try {
    asked.end();
    const response = await new Promise<IncomingMessage>((resolve, reject) =>
      asked.once("response", resolve).once("error", reject),
    );
    if (response.statusCode !== 200)
      throw new AgentError("buildkit.no-debug-page", `${socketPath} answered ${page} with ${response.statusCode}`, {
        retryable: true,
      });
    for await (const bytes of response as AsyncIterable<Buffer>) yield bytes;
  } finally {
    asked.destroy();
  }
}
