import { stat } from "node:fs/promises";
import type { Command } from "commander";
import type { Cli } from "../cli.ts";
import type { LoadedConfig } from "../config/config.ts";
import { SECTIONS } from "../config/keys.ts";
import { ConfigInvalid, describeProblem, type Problem } from "../config/problem.ts";
import { configOf } from "../config-options.ts";
import { pinnedCa } from "../pinned-ca.ts";
import { planeProxy } from "../plane-proxy.ts";
import { type Surrounding, surroundings } from "../surroundings.ts";
import type { Found } from "./finding.ts";
import type { PlaneWay } from "./plane-way.ts";

export interface LookedAt {
  readonly found: readonly Found[];
  /** Absent: the configuration is wrong, and nothing can be made of it. */
  readonly loaded?: LoadedConfig;
  readonly way?: PlaneWay;
  /** By which nothing could start: the configuration is wrong, or nobody has written one. */
  readonly cause?: string;
}

/** What of these is amiss, as a consequence of `cause`; what to do next is said there. */
export function becauseOf(cause: string, found: readonly Found[]): readonly Found[] {
  return found.map(({ next, ...one }) => (one.state === "ok" ? one : { ...one, causedBy: one.causedBy ?? cause }));
}

/** Whether the configuration is right, and what it names is there. */
export async function configuration(command: Command, cli: Cli): Promise<LookedAt> {
  try {
    const loaded = await configOf(command, cli, SECTIONS);
    const around = await surroundings(loaded, cli.environment);
    const files: Found[] = around.map((one) => ({
      name: `config/${one.key}`,
      state: one.state === "fails" ? "fail" : one.state === "warns" ? "warn" : "unseen",
      evidence: `${one.found}; wanted: ${one.expected}`,
      next: nextFor(one),
    }));
    const doubts: Found[] = loaded.doubts.map((doubt) => ({ ...ofProblem(doubt), state: "warn" }));
    const { controlPlane } = loaded.config;
    const way = {
      endpoint: controlPlane.endpoint,
      serverName: controlPlane.serverName,
      caPem: await pinnedCa(loaded, cli.stop),
      proxy: planeProxy(controlPlane, cli.environment),
    };
    const right: Found = {
      name: "config",
      state: "ok",
      evidence: `Right (${loaded.file ?? "no file"}, environment and flags)`,
    };
    return { found: [right, ...doubts, ...files], loaded, way };
  } catch (failure) {
    if (!(failure instanceof ConfigInvalid)) throw failure;
    const { problems, firstStep } = failure;
    const wrong = problems.map(ofProblem);
    const [first] = wrong;
    if (firstStep === undefined) return { found: wrong, ...(first !== undefined && { cause: first.name }) };
    const none: Found = { name: "config", state: "fail", evidence: firstStep.found, next: firstStep.next };
    return { found: [none, ...becauseOf(none.name, wrong)], cause: none.name };
  }
}

function ofProblem(problem: Problem): Found {
  const name = problem.key === "" ? "config" : `config/${problem.key}`;
  return { name, state: "fail", evidence: describeProblem(problem).trim(), next: CORRECT };
}

const RESTART = "systemctl restart builder-agent.target";
const CORRECT = `correct it, see builder-agent config check, then ${RESTART}`;

/** systemd hands a credential over when the unit starts. */
function nextFor({ key, state }: Surrounding): string {
  if (state === "unseen") return "sudo builder-agent doctor";
  if (key === "identity.tokenFile") return `put it there, for its owner alone (install -m 0600), then ${RESTART}`;
  return "builder-agent config show";
}

/** What a process that is up has not read: it goes on with what was there when it started. */
export async function unreadSince(
  file: string | undefined,
  startedAtMs: number | undefined,
): Promise<readonly Found[]> {
  if (file === undefined || startedAtMs === undefined) return [];
  const changedAtMs = await stat(file).then(
    ({ mtimeMs }) => mtimeMs,
    () => 0,
  );
  if (changedAtMs <= startedAtMs) return [];
  const evidence = `${file} was changed after the agent had started: what no reload has taken is not in force`;
  return [{ name: "config/unread", state: "warn", evidence, next: RESTART }];
}
