import { type IncomingMessage, request } from "node:http";
import type { Fetch } from "../../verifier/src/index.ts";

/**
 * Leads a request that was signed for the region's STS to a stand-in, under the host that it was
 * signed for. Nobody else is ever asked.
 */
export function stsOnLoopback(region: string, standIn: string): Fetch {
  const host = `sts.${region}.amazonaws.com`;
  return async (url, { method, headers, body, signal }) => {
    if (url !== `https://${host}/`) throw new Error(`Nobody stands in for ${new URL(url).host}.`);
    const response = await new Promise<IncomingMessage>((resolve, reject) => {
      const asked = request(standIn, { method, headers: { ...headers, host }, agent: false, signal }, resolve);
      asked.on("error", reject);
      asked.end(body);
    });
    return { status: response.statusCode ?? 0, body: response };
  };
}
