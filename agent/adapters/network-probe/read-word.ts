import { z } from "zod";
import { AgentError } from "../../core/errors.ts";
import type { ProbeWord } from "./protocol.ts";

const port = z.int().min(0).max(65_535);

const WordSchema: z.ZodType<ProbeWord> = z.discriminatedUnion("is", [
  z.object({
    is: z.literal("done"),
    listening: z.array(z.object({ tcpPort: port, udpPort: port }).nullable()),
    outcomes: z.array(
      z.discriminatedUnion("is", [
        z.object({ is: z.literal("answered"), detail: z.string() }),
        z.object({ is: z.literal("failed"), code: z.string() }),
        z.object({ is: z.literal("silent") }),
      ]),
    ),
  }),
  z.object({ is: z.literal("heard"), heard: z.object({ via: z.enum(["tcp", "udp"]), address: z.string(), port }) }),
]);

/**
 * Apart from the rest of the protocol: a probe writes these lines only, and starts sooner without
 * what reads them. @throws {AgentError} "isolation.not-verified"
 */
export function readWord(line: string): ProbeWord {
  try {
    return WordSchema.parse(JSON.parse(line));
  } catch (cause) {
    throw new AgentError(
      "isolation.not-verified",
      `A probe said something else than its findings: ${line.slice(0, 200)}`,
      {
        retryable: true,
        cause,
      },
    );
  }
}
