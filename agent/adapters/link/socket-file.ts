import { lstat, unlink } from "node:fs/promises";
import { connect, type Server } from "node:net";
import { AgentError } from "../../core/errors.ts";

/** Listens on a unix socket whose name an earlier process may have left behind. @throws {AgentError} "link.cannot-listen" */
export async function bind(server: Server, path: string): Promise<void> {
  try {
    if (await isSocket(path)) {
      if (await answers(path)) throw cannotListen(path, "another gateway answers there; stop it first");
      await unlink(path);
    }
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen(path, () => {
        server.off("error", reject);
        resolve();
      });
    });
  } catch (cause) {
    throw cause instanceof AgentError ? cause : cannotListen(path, "see the cause", cause);
  }
}

async function isSocket(path: string): Promise<boolean> {
  try {
    return (await lstat(path)).isSocket();
  } catch {
    return false;
  }
}

/** A name without a listener refuses at once. */
function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path);
    const tell = (alive: boolean) => (): void => {
      socket.destroy();
      resolve(alive);
    };
    socket.once("connect", tell(true)).once("error", tell(false));
  });
}

function cannotListen(path: string, because: string, cause?: unknown): AgentError {
  return new AgentError("link.cannot-listen", `The gateway cannot listen for control on ${path}: ${because}`, {
    retryable: false,
    cause,
  });
}
