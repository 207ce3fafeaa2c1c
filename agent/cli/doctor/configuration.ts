import type { Command } from "commander";
import type { Cli } from "../cli.ts";
import type { LoadedConfig } from "../config/config.ts";
import { SECTIONS } from "../config/keys.ts";
import { ConfigInvalid, describeProblem, type Problem } from "../config/problem.ts";
import { configOf } from "../config-options.ts";
import { pinnedCa } from "../pinned-ca.ts";
import { planeProxy } from "../plane-proxy.ts";
import { surroundings } from "../surroundings.ts";
import type { Found } from "./finding.ts";
import type { PlaneWay } from "./plane-way.ts";

export interface LookedAt {
  readonly found: readonly Found[];
  /** Absent: the configuration is wrong, and nothing can be made of it. */
  readonly loaded?: LoadedConfig;
  readonly way?: PlaneWay;
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
      next: one.state === "unseen" ? "sudo builder-agent doctor" : "builder-agent config show",
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
    return { found: failure.problems.map(ofProblem) };
  }
}

function ofProblem(problem: Problem): Found {
  const name = problem.key === "" ? "config" : `config/${problem.key}`;
  return { name, state: "fail", evidence: describeProblem(problem).trim(), next: "builder-agent config check" };
}
