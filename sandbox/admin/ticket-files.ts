import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { OpenedBuild } from "../control-plane/embedded-control-plane.ts";
import type { OpenedBuildFiles } from "./request.ts";

/**
 * Writes what a build's client needs, readable by this user only, under `<dir>/builds/<build id>/`.
 */
export async function writeTicket(dir: string, endpoint: string, build: OpenedBuild): Promise<OpenedBuildFiles> {
  const { buildId, serverName } = build;
  const at = join(dir, "builds", buildId);
  await mkdir(at, { recursive: true, mode: 0o700 });
  const files = { caFile: join(at, "ca.pem"), certFile: join(at, "cert.pem"), keyFile: join(at, "key.pem") };
  await writeFile(files.caFile, build.caPem, { mode: 0o600 });
  await writeFile(files.certFile, build.certPem, { mode: 0o600 });
  await writeFile(files.keyFile, build.keyPem, { mode: 0o600 });
  const ticket = { buildId, ...files, serverName, endpoint, expiresAt: build.expiresAt.toISOString() };
  await writeFile(join(at, "build.json"), `${JSON.stringify(ticket, null, 2)}\n`, { mode: 0o600 });
  return ticket;
}
