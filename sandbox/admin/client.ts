import { connect } from "node:net";
import { text } from "node:stream/consumers";
import { EXIT, SandboxFailure } from "../failure.ts";
import { readClaim } from "./claim.ts";
import { type AdminRequest, adminAnswer } from "./request.ts";

/** Longer than anything that a sandbox may be asked for, but for a drain, which brings its own. */
const ANSWER_DEADLINE_MS = 60_000;

/**
 * Asks the sandbox that is up in `dir`.
 * @throws {SandboxFailure} when none is, or when it says no: its words are the message.
 */
export async function askSandbox(
  dir: string,
  request: AdminRequest,
  deadlineMs = ANSWER_DEADLINE_MS,
): Promise<unknown> {
  const claim = await readClaim(dir);
  if (claim === undefined) throw nobodyThere(dir);
  const socket = connect(claim.adminSocket);
  const overdue = setTimeout(() => socket.destroy(new Error(`no answer within ${deadlineMs} ms`)), deadlineMs);
  try {
    socket.write(`${JSON.stringify(request)}\n`);
    const answer = adminAnswer.parse(JSON.parse(await text(socket)));
    if (!answer.ok) throw new SandboxFailure(EXIT.unavailable, answer.error);
    return answer.result;
  } catch (cause) {
    throw cause instanceof SandboxFailure ? cause : nobodyThere(dir, cause);
  } finally {
    clearTimeout(overdue);
    socket.destroy();
  }
}

function nobodyThere(dir: string, cause?: unknown): SandboxFailure {
  const message = `No sandbox answers in ${dir}: start one with "npm run sandbox -- up --listen 127.0.0.1:8443 --dir ${dir}".`;
  return new SandboxFailure(EXIT.unavailable, message, cause);
}
