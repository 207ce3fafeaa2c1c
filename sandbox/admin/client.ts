import { connect } from "node:net";
import { text } from "node:stream/consumers";
import { EXIT, SandboxFailure } from "../failure.ts";
import { type Inhabitant, readClaim, SANDBOX } from "./claim.ts";
import { type AdminRequest, adminAnswer } from "./request.ts";

/** Longer than anything that may be asked for, but for a drain, which brings its own. */
const ANSWER_DEADLINE_MS = 60_000;

/**
 * Asks the one that is up in `dir`.
 * @throws {SandboxFailure} when none is, or when it says no: its words are the message.
 */
export type Ask<Request> = (dir: string, request: Request, deadlineMs?: number) => Promise<unknown>;

/** How such a one is asked. */
export function asking<Request>(who: Inhabitant): Ask<Request> {
  return async (dir, request, deadlineMs = ANSWER_DEADLINE_MS) => {
    const claim = await readClaim(dir, who);
    if (claim === undefined) throw nobodyThere(dir, who);
    const socket = connect(claim.adminSocket);
    const overdue = setTimeout(() => socket.destroy(new Error(`no answer within ${deadlineMs} ms`)), deadlineMs);
    try {
      socket.write(`${JSON.stringify(request)}\n`);
      const answer = adminAnswer.parse(JSON.parse(await text(socket)));
      if (!answer.ok) throw new SandboxFailure(EXIT.unavailable, answer.error);
      return answer.result;
    } catch (cause) {
      throw cause instanceof SandboxFailure ? cause : nobodyThere(dir, who, cause);
    } finally {
      clearTimeout(overdue);
      socket.destroy();
    }
  };
}

export const askSandbox: Ask<AdminRequest> = asking(SANDBOX);

function nobodyThere(dir: string, who: Inhabitant, cause?: unknown): SandboxFailure {
  const message = `No ${who.name} answers in ${dir}: start one with "${who.start} --dir ${dir}".`;
  return new SandboxFailure(EXIT.unavailable, message, cause);
}
