import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { AgentError } from "../../core/errors.ts";
import type { TerminalExit } from "../../ports/debug-terminal.ts";
import { type ShellCage, shellEnvironment, words } from "./shell-cage.ts";

/** The kernel kills a whole namespace within milliseconds; a busy machine takes longer. */
const GONE_MS = 5_000;
const LOOK_MS = 5;

/** Nobody's user and group, as Debian and the kernel number them. */
const NOBODY = { user: "nobody", uid: 65_534, gid: 65_534 };

/**
 * Without systemd: a PID namespace of its own, whose first process is root's, so that a shell
 * without privilege can neither leave it nor end it. With its first process the kernel kills every
 * other one, whatever it did with its signals and parents. `unshare` and `setpriv` are
 * util-linux's; the process that starts this must be root. A shell as root could leave (nsenter).
 */
export function pidNamespaceCage(): ShellCage {
  return {
    shell({ command, runAs }) {
      const user = runAs === "root" ? "root" : NOBODY.user;
      const drop = runAs === "root" ? [] : dropPrivileges();
      return {
        file: "/bin/sh",
        args: [
          // What unshare complains of when its child is killed is not for the person.
          ...["-c", 'exec "$@" 2>/dev/null', "sh"],
          // Killed with the process that holds the terminal, however that ends.
          ...["setpriv", "--pdeathsig", "KILL", "--"],
          ...["unshare", "--pid", "--fork", "--kill-child=KILL", "--"],
          // Two commands, so that this shell stays the first process: that one hears no Ctrl-C, and
          // its child does.
          ...["/bin/sh", "-c", '"$@" 2>&1; exit "$?"', "sh"],
          ...[...drop, ...words(command)],
        ],
        env: shellEnvironment(runAs === "root" ? "/root" : "/", user),
        cwd: "/",
      };
    },
    settled: untilFirstProcess,
    end: endNamespace,
  };
}

function dropPrivileges(): readonly string[] {
  const { uid, gid } = NOBODY;
  return [
    ...["setpriv", `--reuid=${uid}`, `--regid=${gid}`, "--clear-groups", "--no-new-privs"],
    ...["--bounding-set=-all", "--inh-caps=-all", "--"],
  ];
}

/** Its first process is what has to be killed. A program that is over already had one. */
async function untilFirstProcess(leader: number, exited: Promise<TerminalExit>): Promise<void> {
  const shell = { isOver: false };
  void exited.then(() => (shell.isOver = true));
  for (let waitedMs = 0; !shell.isOver && childrenOf(leader).length === 0; waitedMs += LOOK_MS) {
    if (waitedMs >= GONE_MS)
      throw new AgentError("terminal.not-started", "unshare made no namespace in time", { retryable: true });
    await Promise.race([exited, sleep(LOOK_MS)]);
  }
}

/**
 * `unshare` returns only once the namespace is empty: the kernel lets its first process be waited
 * for after all others are gone.
 */
async function endNamespace(leader: number, exited: Promise<TerminalExit>): Promise<void> {
  const shell = { isOver: false };
  void exited.then(() => (shell.isOver = true));
  await Promise.resolve();
  for (let waitedMs = 0; !shell.isOver; waitedMs += LOOK_MS) {
    if (waitedMs >= GONE_MS)
      throw new AgentError("terminal.not-gone", `Process ${leader} and what it started did not end`, {
        retryable: true,
      });
    const first = childrenOf(leader);
    // One that has no child yet has started nothing.
    for (const pid of first.length > 0 ? first : [leader]) kill(pid);
    await Promise.race([exited, sleep(LOOK_MS)]);
  }
}

function childrenOf(pid: number): readonly number[] {
  try {
    const text = readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").trim();
    return text === "" ? [] : text.split(" ").map(Number);
  } catch {
    return [];
  }
}

function kill(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // Gone already.
  }
}
