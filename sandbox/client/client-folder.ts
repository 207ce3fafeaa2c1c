import { access, mkdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { z } from "zod";
import type { LentBuild, OpenedBuildFiles } from "../admin/request.ts";
import { buildctlArguments, shellLine } from "../stack/client-lines.ts";
import { inTree } from "../stack/tree.ts";

/** The clients that set-up has made, if it has. */
const clients = z.object({ buildctl: z.string().exactOptional(), buildx: z.string().exactOptional() });

/**
 * Makes a folder for a build's clients that holds no secret: `bin/buildctl`, which brings the
 * build's flags, and a configuration of buildx with the build as its builder. Programs may be run
 * from there, which a file system in memory often forbids.
 */
export async function outfit(files: OpenedBuildFiles, folder: string): Promise<LentBuild> {
  const { buildId, endpoint, serverName, keyFile } = files;
  const [binDir, buildxDir] = [join(folder, "bin"), join(folder, "buildx")];
  await rm(folder, { recursive: true, force: true });
  await mkdir(binDir, { recursive: true, mode: 0o700 });
  const { buildctl, buildx } = await clientsOfSetUp();
  if (buildctl !== undefined) {
    const line = shellLine([buildctl, ...buildctlArguments(files)]);
    await writeFile(join(binDir, "buildctl"), `#!/bin/sh\nexec ${line} "$@"\n`, { mode: 0o700 });
  }
  if (buildx !== undefined) await symlink(buildx, join(binDir, "buildx"));
  await mkdir(join(buildxDir, "instances"), { recursive: true, mode: 0o700 });
  await writeFile(join(buildxDir, "instances", buildId), JSON.stringify(buildxBuilder(files)), { mode: 0o600 });
  const variables = {
    BUILDER_BUILD_ID: buildId,
    BUILDER_TLS_DIR: dirname(keyFile),
    BUILDER_TLS_SERVER_NAME: serverName,
    BUILDKIT_HOST: endpoint,
    BUILDX_BUILDER: buildId,
    BUILDX_CONFIG: buildxDir,
  };
  return { ...files, variables, binDir };
}

/** As `docker buildx create --driver remote` writes it down. */
function buildxBuilder({ buildId, endpoint, caFile, certFile, keyFile, serverName }: OpenedBuildFiles) {
  const options = { cacert: caFile, cert: certFile, key: keyFile, servername: serverName };
  const node = { Name: `${buildId}0`, Endpoint: endpoint, Platforms: null, DriverOpts: options };
  return { Name: buildId, Driver: "remote", Nodes: [{ ...node, Flags: null, Files: null }], Dynamic: false };
}

/** Where set-up has not made them, as for a control plane alone, PATH's own are used. */
export async function clientsOfSetUp(): Promise<z.infer<typeof clients>> {
  const told = await readFile(inTree("dist/toolchain.json"), "utf8").catch(() => "{}");
  const there = Object.entries(clients.parse(JSON.parse(told))).map(async ([name, path]) =>
    access(path).then(
      () => [[name, path]],
      () => [],
    ),
  );
  return clients.parse(Object.fromEntries((await Promise.all(there)).flat()));
}
