import { resolve } from "node:path";
import { askPlane, controlPlaneCa, issuedToken } from "../../admin/plane/request.ts";
import type { ProjectRef } from "../../control-plane/project-ref.ts";
import type { Terminal } from "../../terminal/terminal.ts";
import type { InDir } from "../builds.ts";

export interface TokenOptions extends InDir, ProjectRef {
  readonly arch?: string;
  readonly ttl: number;
}

/** Prints a join token. Nobody can print it again: only its hash is kept. */
export async function printToken(options: TokenOptions, { out }: Terminal): Promise<void> {
  const { org, project, arch, ttl } = options;
  const request = {
    ...({ verb: "token-issue", org, project, ttlMs: ttl } as const),
    ...(arch !== undefined && { architecture: arch }),
  };
  const issued = issuedToken.parse(await askPlane(resolve(options.dir), request));
  out(options.json === true ? JSON.stringify(issued, null, 2) : issued.token);
}

/** Prints the CA that agents pin. */
export async function printCa(options: InDir, { out }: Terminal): Promise<void> {
  out(controlPlaneCa.parse(await askPlane(resolve(options.dir), { verb: "ca" })).caPem.trimEnd());
}
