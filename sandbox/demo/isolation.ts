import { z } from "zod";
import { EXIT, SandboxFailure } from "../failure.ts";
import { readAgentLog } from "../stack/agent-log.ts";
import type { Stack } from "../stack/stack.ts";
import type { Narrator } from "./narrator.ts";

const verified = z.object({ tried: z.number(), tookMs: z.number() });

/**
 * What the agent tried from inside a build's network before it said that it is ready. @throws
 * {SandboxFailure} if it did not.
 */
export async function tellIsolation({ agentLogFile }: Stack, narrator: Narrator): Promise<void> {
  const line = (await readAgentLog(agentLogFile)).find(({ event }) => event === "isolation.verified");
  if (line === undefined)
    throw new SandboxFailure(EXIT.software, "The agent is ready without having tried what builds can reach.");
  const { tried, tookMs } = verified.parse(line.data);
  narrator.seen(
    `builds are isolated: from inside their network ${tried} ways out were tried, and each is as it must be`,
    tookMs,
  );
}
