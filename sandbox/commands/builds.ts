import { resolve } from "node:path";
import type { z } from "zod";
import type { Ask } from "../admin/client.ts";
import type { PlaneRequest } from "../admin/plane/request.ts";
import { closedBuild, lentBuild, listedBuilds, type ofBuilds, openedBuild } from "../admin/request.ts";
import { exportsFor, type Shell } from "../client/exports.ts";
import type { BuildPermissionName } from "../control-plane/build-permissions.ts";
import type { ProjectRef } from "../control-plane/project-ref.ts";
import type { Terminal } from "../terminal/terminal.ts";

export interface InDir {
  readonly dir: string;
  readonly json?: boolean;
}

/** What a sandbox and a control plane alone can both be asked. */
type OfBuilds = z.output<(typeof ofBuilds)[number]>;
export type BuildRequest = Extract<PlaneRequest, { verb: "build-open" | "build-lend" }> | OfBuilds;

export interface OpenOptions extends InDir, ProjectRef {
  readonly ttl: number;
  readonly may?: readonly BuildPermissionName[];
  readonly contextGroup?: string;
  /** Whose language is printed, instead of JSON. */
  readonly shell?: Shell;
  /** "host:port" */
  readonly machineAddress?: string;
}

/** Who is asked, and who is told. */
export interface Between {
  readonly ask: Ask<BuildRequest>;
  readonly terminal: Terminal;
}

/** JSON: whoever opens a build needs its files. */
export async function openBuild(
  options: OpenOptions,
  { ask, terminal }: Between,
): Promise<z.output<typeof openedBuild>> {
  const request = { verb: "build-open", ...orderOf(options) } as const;
  const opened = openedBuild.parse(await ask(resolve(options.dir), request));
  terminal.out(JSON.stringify(opened, null, 2));
  return opened;
}

/** Lines for `eval`, after which a shell's `buildctl` and `docker buildx build` are the build's. */
export async function openForShell(
  options: OpenOptions & { readonly shell: Shell },
  { ask, terminal }: Between,
): Promise<void> {
  const lent = lentBuild.parse(await ask(resolve(options.dir), lendOrder(options, false)));
  terminal.out(exportsFor(lent, options.shell));
}

export function lendOrder(options: OpenOptions, untilHangUp: boolean) {
  return { verb: "build-lend", untilHangUp, ...orderOf(options) } as const;
}

function orderOf({ org, project, ttl, may, contextGroup, machineAddress }: OpenOptions) {
  return {
    ...{ org, project, ttlMs: ttl },
    ...(may !== undefined && { may: [...may] }),
    ...(contextGroup !== undefined && { contextGroup }),
    ...(machineAddress !== undefined && { machineAddress }),
  };
}

/** Returns when the cut is in force. */
export async function closeBuild(
  verb: "build-end" | "build-revoke",
  buildId: string,
  options: InDir,
  { ask, terminal: { out } }: Between,
): Promise<void> {
  const closed = closedBuild.parse(await ask(resolve(options.dir), { verb, buildId }));
  const how = verb === "build-end" ? "ended" : "revoked";
  if (options.json === true) out(JSON.stringify({ ...closed, how }, null, 2));
  else
    out(`Build ${buildId} is ${how}: its sessions were cut and its certificate refused after ${closed.appliedMs} ms.`);
}

export async function listBuilds(options: InDir, { ask, terminal: { out, paint } }: Between): Promise<void> {
  const builds = listedBuilds.parse(await ask(resolve(options.dir), { verb: "build-list" }));
  if (options.json === true) return out(JSON.stringify(builds, null, 2));
  if (builds.length === 0) return out(paint("dim", "No build is open."));
  for (const { buildId, org, project, expiresAt } of builds) out(`${buildId}  ${org}/${project}  until ${expiresAt}`);
}
