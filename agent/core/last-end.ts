/**
 * As systemd has it in $EXIT_CODE and $EXIT_STATUS: "killed KILL", "dumped ABRT", "exited 70"; and
 * "hung KILL" of the gateway's keeper and of the launcher.
 */
const END = /^(exited|killed|dumped|hung) ([A-Z0-9]{1,10})\s*$/;

const MORE: Readonly<Record<string, string>> = { dumped: ", with a core dump", hung: ", because it hung" };

/** The same of a process that the launcher parents. `hung`: that is why it was killed. */
export function endLine({ code, signal, hung = false }: ChildEnd): string {
  if (signal === undefined) return `exited ${code ?? ""}\n`;
  return `${hung ? "hung" : "killed"} ${signal.replace(/^SIG/, "")}\n`;
}

interface ChildEnd {
  readonly code?: number;
  readonly signal?: string;
  readonly hung?: boolean;
}

/** "killed by SIGKILL", "ended with exit code 70"; undefined for what is no such line. */
export function endInWords(line: string): string | undefined {
  const [, how, status] = END.exec(line) ?? [];
  if (how === undefined) return undefined;
  if (how === "exited") return `ended with exit code ${status}`;
  return `killed by SIG${status}${MORE[how] ?? ""}`;
}
