import { AgentError } from "../../core/errors.ts";
import type { Heard, ProbeOutcome, ProbeTarget } from "../../core/network/probe-target.ts";

/**
 * What goes between us and a probe inside a build's network: one JSON object a line. Both ends are
 * of one program, so it has no versions.
 */

/** What a probe is told; more than once, if need be. */
export interface ProbePlan {
  /** Addresses to listen at, on a TCP and a UDP port each; the same one twice gets two of each. */
  readonly listen: readonly string[];
  /** Once it listens. */
  readonly tries: readonly Try[];
  /** Whom to ask for the addresses of a name. */
  readonly nameservers: readonly string[];
}

export type Try = Pick<ProbeTarget, "via" | "host" | "port" | "deadlineMs">;

/** Where one listens; null: that address cannot be listened at. */
export type Listening = { readonly tcpPort: number; readonly udpPort: number } | null;

/** The one answer to a plan: as many as were asked for, in their order. */
export interface Done {
  readonly is: "done";
  readonly listening: readonly Listening[];
  readonly outcomes: readonly ProbeOutcome[];
}

/** What was heard is told when it happens. */
export type ProbeWord = Done | { readonly is: "heard"; readonly heard: Heard };

export function planLine(plan: ProbePlan): string {
  return `${JSON.stringify(plan)}\n`;
}

export function wordLine(word: ProbeWord): string {
  return `${JSON.stringify(word)}\n`;
}

/** From the process that started this one. @throws {AgentError} "isolation.malformed-plan" */
export function readPlan(line: string): ProbePlan {
  const plan = objectOf(line);
  const { listen, tries, nameservers } = plan;
  if (Array.isArray(listen) && Array.isArray(tries) && Array.isArray(nameservers))
    // Whoever started this process is this program, and root: that it is a plan at all is all that
    // there is to find out.
    return { listen, tries, nameservers };
  throw new AgentError(
    "isolation.malformed-plan",
    "What came on standard input is no plan of a probe: builder-agent starts this command by itself; use builder-agent doctor isolation",
    { retryable: false },
  );
}

function objectOf(line: string): Readonly<Record<string, unknown>> {
  try {
    const parsed: unknown = JSON.parse(line);
    return typeof parsed === "object" && parsed !== null ? { ...parsed } : {};
  } catch {
    return {};
  }
}
