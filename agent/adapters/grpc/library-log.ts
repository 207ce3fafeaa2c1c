import { setLogger } from "@grpc/grpc-js";
import type { Log } from "../../ports/log.ts";

/**
 * What the gRPC library has to say goes to the log (`grpc.said`): by itself it writes to standard
 * error, and waits until somebody reads that.
 */
export function logLibrary(log: Log): void {
  const say = (...words: readonly unknown[]): void => log.warn({ message: words.join(" ") }, "grpc.said");
  setLogger({ error: say, info: say, debug: say });
}
