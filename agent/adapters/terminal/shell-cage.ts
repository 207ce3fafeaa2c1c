import type { RunAs } from "../../core/debug/grant.ts";
import type { TerminalExit } from "../../ports/debug-terminal.ts";

/** How a shell is started so that all that it starts can be ended. */
export interface ShellCage {
  shell(order: { readonly command: readonly string[]; readonly runAs: RunAs }): ShellStart;
  /** Resolves when what ends it can be relied on: before anybody is told that it runs. */
  settled(leader: number, exited: Promise<TerminalExit>): Promise<void>;
  /**
   * Resolves when everything in the session that `leader` began is gone; `exited` is its exit.
   * @throws {AgentError} "terminal.not-gone"
   */
  end(leader: number, exited: Promise<TerminalExit>): Promise<void>;
}

export interface ShellStart {
  readonly file: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly cwd: string;
}

/** The granted program, or a login shell. */
export function words(command: readonly string[]): readonly string[] {
  return command.length > 0 ? command : ["/bin/bash", "--login"];
}

/** Nothing of this process's own environment. */
export function shellEnvironment(home: string, user: string): Readonly<Record<string, string>> {
  return {
    PATH: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    LANG: "C.UTF-8",
    HOME: home,
    USER: user,
    LOGNAME: user,
    SHELL: "/bin/bash",
  };
}
