import type { GatewayParts } from "./parts.ts";

/**
 * The data plane: lets open builds in over mutual TLS and hands their bytes to BuildKit, as `control` orders. Returns when
 * `parts.signal` is aborted and everything is closed.
 * @throws {AgentError} "gateway.cannot-listen"
 */
export async function runGateway(parts: GatewayParts): Promise<void> {
  await parts.link.close();
}
