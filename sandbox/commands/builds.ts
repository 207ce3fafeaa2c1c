import { resolve } from "node:path";
import { askSandbox } from "../admin/client.ts";
import { type BuildPermissionName, closedBuild, listedBuilds, openedBuild } from "../admin/request.ts";
import type { ProjectRef } from "../control-plane/project-ref.ts";
import type { Terminal } from "../terminal/terminal.ts";

export interface InDir {
  readonly dir: string;
  readonly json?: boolean;
}

/** Always JSON: whoever opens a build needs its files. */
export async function openBuild(
  options: InDir & ProjectRef & { readonly ttl: number; readonly may?: readonly BuildPermissionName[] },
  { out }: Terminal,
): Promise<void> {
  const { org, project, ttl, may } = options;
  const request = {
    ...({ verb: "build-open", org, project, ttlMs: ttl } as const),
    ...(may !== undefined && { may: [...may] }),
  };
  out(JSON.stringify(openedBuild.parse(await askSandbox(resolve(options.dir), request)), null, 2));
}

/** Returns when the cut is in force. */
export async function closeBuild(
  verb: "build-end" | "build-revoke",
  buildId: string,
  options: InDir,
  { out }: Terminal,
): Promise<void> {
  const closed = closedBuild.parse(await askSandbox(resolve(options.dir), { verb, buildId }));
  const how = verb === "build-end" ? "ended" : "revoked";
  if (options.json === true) out(JSON.stringify({ ...closed, how }, null, 2));
  else
    out(`Build ${buildId} is ${how}: its sessions were cut and its certificate refused after ${closed.appliedMs} ms.`);
}

export async function listBuilds(options: InDir, { out, paint }: Terminal): Promise<void> {
  const builds = listedBuilds.parse(await askSandbox(resolve(options.dir), { verb: "build-list" }));
  if (options.json === true) return out(JSON.stringify(builds, null, 2));
  if (builds.length === 0) return out(paint("dim", "No build is open."));
  for (const { buildId, org, project, expiresAt } of builds) out(`${buildId}  ${org}/${project}  until ${expiresAt}`);
}
