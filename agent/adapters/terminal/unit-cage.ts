import type { ShellCage } from "./shell-cage.ts";
import { shellEnvironment, words } from "./shell-cage.ts";

/** What the shell has to end by itself, before the process that holds it takes all with it. */
const HANGUP_MS = 200;

/**
 * Under systemd the unit is the cage: this process is its main one, and with it the manager kills
 * the whole control group. The shell is this process's own user.
 */
export function unitCage(user: string): ShellCage {
  return {
    shell({ command }) {
      const [file = "", ...args] = words(command);
      return { file, args, env: shellEnvironment(user === "root" ? "/root" : "/", user), cwd: "/" };
    },
    settled: () => Promise.resolve(),
    async end(leader, exited) {
      for (const signal of ["SIGHUP", "SIGKILL"] as const) {
        kill(leader, signal);
        const limit = new Promise((resolve) => setTimeout(resolve, HANGUP_MS));
        await Promise.race([exited, limit]);
      }
    },
  };
}

function kill(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // Gone already.
  }
}
