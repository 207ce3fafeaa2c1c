import { askedAgent } from "../adapters/operators/asked-agent.ts";
import { AgentError } from "../core/errors.ts";

/** Of systemd/sysusers.d. */
const GROUP = "builder-agent-operators";

type Asked = ReturnType<typeof askedAgent>;

/**
 * Asks the running agent over the operators' socket. What goes wrong says what it is and what to
 * do about it. @throws {AgentError} "operators.not-running", "operators.forbidden",
 * "operators.silent", "operators.not-ours"; what the agent threw. The signal's reason.
 */
export async function askAgent<T>(socketPath: string, question: (agent: Asked) => Promise<T>): Promise<T> {
  try {
    return await question(askedAgent(socketPath));
  } catch (failure) {
    throw failure instanceof AgentError ? (inPlainWords(failure, socketPath) ?? failure) : failure;
  }
}

function inPlainWords(failure: AgentError, socketPath: string): AgentError | undefined {
  const because = (code: string, message: string): AgentError =>
    new AgentError(`operators.${code}`, message, { retryable: code !== "forbidden", cause: failure.cause });
  switch (failure.code) {
    case "operators.unreachable":
      return isForbidden(failure.cause)
        ? because(
            "forbidden",
            `You may not ask the agent at ${socketPath}: do it as root (sudo), or join its group (sudo usermod --append --groups ${GROUP} NAME) and log in anew`,
          )
        : because(
            "not-running",
            `No agent runs here: nobody listens at ${socketPath}. Start it (systemctl start builder-agent.target, or builder-agent run), or say where it runs (--config, --paths-runtime-dir)`,
          );
    case "operators.no-answer":
      return because(
        "silent",
        `The agent at ${socketPath} took the question and does not answer: its control process hangs, or has just ended. See builder-agent logs --unit control; under systemd one that hangs is started anew within 30 s`,
      );
    case "operators.malformed":
      return because("not-ours", `What answers at ${socketPath} is no builder-agent: see what listens there`);
    default:
      return undefined;
  }
}

function isForbidden(cause: unknown): boolean {
  return cause instanceof Error && "code" in cause && (cause.code === "EACCES" || cause.code === "EPERM");
}
