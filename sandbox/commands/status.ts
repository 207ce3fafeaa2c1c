import { spawn } from "node:child_process";
import { once } from "node:events";
import { join, resolve } from "node:path";
import { readClaim } from "../admin/claim.ts";
import { EXIT, SandboxFailure } from "../failure.ts";
import { inTree } from "../stack/tree.ts";
import type { InDir } from "./builds.ts";

/** The agent's own `status`, of the sandbox's agent. Gives its exit code. */
export async function status(options: InDir): Promise<number> {
  const dir = resolve(options.dir);
  if ((await readClaim(dir)) === undefined) throw new SandboxFailure(EXIT.unavailable, `No sandbox is up in ${dir}.`);
  const program = inTree("dist/agent/cli/main.js");
  const json = options.json === true ? ["--json"] : [];
  const child = spawn(process.execPath, [program, "status", "--config", join(dir, "agent.toml"), ...json], {
    stdio: "inherit",
  });
  await once(child, "close");
  return child.exitCode ?? EXIT.software;
}
