import type { PeerReader } from "../../ports/peer-reader.ts";

/** Reads peers with Node's X509Certificate. */
export function nodePeerReader(): PeerReader {
  throw new Error("being written");
}
