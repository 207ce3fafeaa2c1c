import { chmod, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { NODE_FLAGS } from "../../agent/cli/node-flags.ts";
import type { TempDir } from "../../sandbox/stack/temp-dir.ts";
import { AgentProcess, MAIN } from "../cli/agent-process.ts";

/** Says at its end how much memory it had at most, in KiB. */
const TELLS_MEMORY = `data:text/javascript,process.on("exit",()=>process.stderr.write("peak "+process.resourceUsage().maxRSS))`;

export interface Bundled {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
  readonly peakKib: number;
  readonly tookMs: number;
}

/**
 * `builder-agent bundle`, with the programs of `programs` before all others. `flags`: Node's; those
 * of the package if absent.
 */
export async function bundle(
  programs: TempDir,
  args: readonly string[],
  environment: Readonly<Record<string, string>> = {},
  flags: readonly string[] = NODE_FLAGS.command,
): Promise<Bundled> {
  const before = performance.now();
  const env = { PATH: `${programs.path}:${process.env["PATH"]}`, ...environment };
  await using running = AgentProcess.startNode([...flags, "--import", TELLS_MEMORY, MAIN, "bundle", ...args], env);
  const { code, out, err } = await running.ended;
  return { code, out, err, peakKib: Number(/peak (\d+)$/.exec(err)?.[1]), tookMs: performance.now() - before };
}

/** A program of Node's words that stands in for one of the machine's. */
export async function standIn(programs: TempDir, name: string, script: string): Promise<void> {
  await writeFile(join(programs.path, name), `#!${process.execPath}\n${script}\n`);
  await chmod(join(programs.path, name), 0o755);
}

/** Its own directories, so that it meets no agent of this machine, and no configuration. */
export function places(folder: TempDir): readonly string[] {
  const config = join(folder.path, "config.toml");
  return [
    "--config",
    config,
    "--paths-runtime-dir",
    join(folder.path, "run"),
    "--paths-state-dir",
    join(folder.path, "state"),
  ];
}

/** A configuration that is right, and of a machine where nothing runs. */
export async function writeConfig(folder: TempDir, more: readonly string[] = []): Promise<void> {
  await writeFile(join(folder.path, "token"), "join-token-of-nobody\n", { mode: 0o600 });
  const lines = [
    ...["[controlPlane]", 'endpoint = "control.invalid:443"', `caFile = "${join(folder.path, "ca.pem")}"`],
    ...["[identity]", 'kind = "join-token"', `tokenFile = "${join(folder.path, "token")}"`],
    ...["[health]", 'listen = "127.0.0.1:1"', ...more],
  ];
  await writeFile(join(folder.path, "config.toml"), `${lines.join("\n")}\n`);
}
