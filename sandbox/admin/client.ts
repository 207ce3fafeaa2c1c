import { connect, type Socket } from "node:net";
import { EXIT, isErrno, messageOf, SandboxFailure } from "../failure.ts";
import { type Claim, type Inhabitant, readClaim, SANDBOX } from "./claim.ts";
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
    const { socket, result } = await askAndStay(who, dir, request, deadlineMs);
    socket.destroy();
    return result;
  };
}

export const askSandbox: Ask<AdminRequest> = asking(SANDBOX);

/** An answer after which the connection goes on; it is the caller's to destroy. */
export interface Stayed {
  readonly socket: Socket;
  readonly result: unknown;
}

/** As `Ask`, and stays connected. @throws {SandboxFailure} likewise. */
export async function askAndStay(
  who: Inhabitant,
  dir: string,
  request: unknown,
  deadlineMs = ANSWER_DEADLINE_MS,
): Promise<Stayed> {
  const claim = await readClaim(dir, who);
  if (claim === undefined) throw nobodyThere(dir, who);
  const socket = connect(claim.adminSocket);
  try {
    socket.write(`${JSON.stringify(request)}\n`);
    const answer = adminAnswer.parse(JSON.parse(await firstLine(socket, deadlineMs)));
    if (!answer.ok) throw new SandboxFailure(answer.refused ? EXIT.later : EXIT.unavailable, answer.error);
    return { socket, result: answer.result };
  } catch (cause) {
    socket.destroy();
    throw cause instanceof SandboxFailure ? cause : noAnswer({ dir, who, claim, cause });
  }
}

class Silent extends Error {}

/** What comes behind it is put back. */
function firstLine(socket: Socket, deadlineMs: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const over = (act: () => void): void => {
      clearTimeout(limit);
      socket.off("data", read);
      socket.pause();
      act();
    };
    const limit = setTimeout(
      () => over(() => reject(new Silent(`has not answered within ${deadlineMs / 1_000} s`))),
      deadlineMs,
    );
    let text = Buffer.alloc(0);
    const read = (chunk: Buffer): void => {
      text = Buffer.concat([text, chunk]);
      const at = text.indexOf("\n");
      if (at < 0) return;
      over(() => {
        if (at + 1 < text.length) socket.unshift(text.subarray(at + 1));
        resolve(text.subarray(0, at).toString("utf8"));
      });
    };
    socket.on("data", read);
    socket.once("error", (failure) => over(() => reject(failure)));
    socket.once("close", () => over(() => reject(new Error("it hung up before it answered"))));
  });
}

function nobodyThere(dir: string, who: Inhabitant, cause?: unknown): SandboxFailure {
  const message = `No ${who.name} answers in ${dir}: start one with "${who.start} --dir ${dir}".`;
  return new SandboxFailure(EXIT.unavailable, message, cause);
}

/** Nobody there, not ours to ask, silent, or gone meanwhile: each told apart. */
function noAnswer(how: {
  readonly dir: string;
  readonly who: Inhabitant;
  readonly claim: Claim;
  readonly cause: unknown;
}): SandboxFailure {
  const { dir, who, claim, cause } = how;
  if (["ENOENT", "ECONNREFUSED"].some((code) => isErrno(cause, code))) return nobodyThere(dir, who, cause);
  if (isErrno(cause, "EACCES")) {
    const message = `The ${who.name} in ${dir} is another user's: ask as the one who started it.`;
    return new SandboxFailure(EXIT.notPermitted, message, cause);
  }
  const { pid } = claim;
  const message =
    cause instanceof Silent
      ? `The ${who.name} in ${dir} (process ${pid}) ${cause.message}: it hangs or was stopped. "kill -CONT ${pid}" lets a stopped one go on.`
      : `The ${who.name} in ${dir} (process ${pid}) gave no answer: ${messageOf(cause)}.`;
  return new SandboxFailure(EXIT.unavailable, message, cause);
}
