import { setTimeout as sleep } from "node:timers/promises";
import { EXIT, SandboxFailure } from "../failure.ts";
import { readAgentLog } from "../stack/agent-log.ts";

const LOOK_EVERY_MS = 25;
const DEADLINE_MS = 5_000;

/**
 * Why the gateway refused a certificate, by its log: the reason's stable name. @throws
 * {SandboxFailure} if it never says so.
 */
export async function refusalInLog(logFile: string, buildUri: string): Promise<string> {
  for (let waitedMs = 0; waitedMs < DEADLINE_MS; waitedMs += LOOK_EVERY_MS) {
    for (const { data } of await readAgentLog(logFile)) {
      if (typeof data["reason"] === "string" && JSON.stringify(data["certificate"] ?? "").includes(buildUri))
        return data["reason"];
    }
    await sleep(LOOK_EVERY_MS);
  }
  throw new SandboxFailure(EXIT.software, `The gateway's log (${logFile}) tells of no refusal of ${buildUri}.`);
}
