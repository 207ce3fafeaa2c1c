import { lookup } from "node:dns/promises";
import { AgentError, inWords } from "../../core/errors.ts";
import { Deadline } from "../../lifecycle/deadline.ts";
import type { Names } from "../../ports/names.ts";

/** Builds' network waits for it once. A resolver that is well answers within this. */
const DEADLINE_MS = 5_000;

/** As the machine's own programs find them: /etc/hosts, then its resolvers. */
export const machineNames: Names = {
  async addressesOf(host, signal) {
    signal.throwIfAborted();
    using deadline = new Deadline(DEADLINE_MS, signal);
    const tooLong = new Promise<never>((_, reject) =>
      deadline.signal.addEventListener("abort", () => reject(new Error(`no answer within ${DEADLINE_MS} ms`)), {
        once: true,
      }),
    );
    try {
      const found = await Promise.race([lookup(host, { all: true }), tooLong]);
      return found.map(({ address }) => address);
    } catch (cause) {
      signal.throwIfAborted();
      throw new AgentError("names.not-found", `This machine does not find ${host}: ${inWords(cause)}`, {
        retryable: true,
        cause,
      });
    }
  },
};
