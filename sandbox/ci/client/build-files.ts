import { writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import type { JobsBuild } from "./plane-client.ts";

/** Where a build's client finds what it needs: buildctl's own names in a folder (`--tlsdir`). */
export interface BuildFiles {
  readonly dir: string;
  readonly endpoint: string;
  readonly serverName: string;
}

/** @throws {Error} ENOSPC and the like. */
export async function writeBuildFiles(dir: string, build: JobsBuild, keyPem: string): Promise<BuildFiles> {
  const files = { "ca.pem": build.ca, "cert.pem": build.certificate, "key.pem": keyPem };
  for (const [name, text] of Object.entries(files)) await writeFile(join(dir, name), text, { mode: 0o600 });
  return { dir, endpoint: build.endpoint, serverName: build.server_name };
}

/** For any command; `without` are variables that it shall not see. */
export function environmentFor(
  { dir, endpoint, serverName }: BuildFiles,
  environment: NodeJS.ProcessEnv,
  without: readonly string[],
): NodeJS.ProcessEnv {
  const kept = Object.entries(environment).filter(([name]) => !without.includes(name));
  return {
    ...Object.fromEntries(kept),
    BUILDKIT_HOST: endpoint,
    BUILDER_TLS_DIR: dir,
    BUILDER_TLS_SERVER_NAME: serverName,
  };
}

/** buildctl takes its files by flags alone: they are put before what it is told to do. */
export function commandFor({ dir, endpoint, serverName }: BuildFiles, command: readonly string[]): readonly string[] {
  const [program = "", ...args] = command;
  if (basename(program) !== "buildctl") return command;
  return [program, "--addr", endpoint, "--tlsdir", dir, "--tlsservername", serverName, ...args];
}
