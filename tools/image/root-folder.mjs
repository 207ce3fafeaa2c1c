import { copyFileSync, cpSync, existsSync, mkdirSync, renameSync, rmSync, utimesSync } from "node:fs";
import { basename, join } from "node:path";
import { cacheFolder } from "../setup/cache-folder.mjs";
import { run } from "../setup/child.mjs";
import { saying } from "../setup/progress.mjs";
import { hashOf } from "../setup/stamp.mjs";
import { runSteps } from "../setup/step.mjs";
import { inTree } from "../setup/tree.mjs";
import { baseStep, baseTar } from "./base/base-tar.mjs";
import { unpackBase } from "./base/unpack-base.mjs";
import { architectures } from "./deb/architecture.mjs";
import { deb } from "./deb/deb.mjs";
import { hashOfFiles } from "./deb/source-files.mjs";
import { installFiles } from "./install-files.mjs";
import { keepNewest } from "./keep-newest.mjs";

const INSTALL_DEADLINE_MS = 10 * 60_000;

/**
 * The root file system of the image as a folder, made without a VM: Debian, and the install script
 * run in it by systemd-nspawn. Needs root. Nobody changes it: who boots it does so with --ephemeral
 * or --volatile=overlay, or from a copy.
 * @returns {Promise<string>}
 */
export async function rootFolder() {
  const agent = deb(architectures.amd64);
  await runSteps([baseStep, ...agent.steps]);
  const caches = join(cacheFolder(), "image");
  const hash = hashOf([baseTar(), agent.file(), hashOfFiles(installFiles)]);
  const folder = join(caches, `root-${hash}`);
  await runSteps([
    {
      lockFile: join(caches, "root.lock"),
      isDone: () => existsSync(folder),
      async carryOut() {
        await saying("installing the agent into a root file system", () => make(folder, agent.file()));
      },
    },
  ]);
  const now = new Date();
  utimesSync(folder, now, now);
  keepNewest(caches, "root-", 2);
  return folder;
}

/** @param {string} folder @param {string} debFile */
async function make(folder, debFile) {
  const draft = `${folder}.installing`;
  const given = `${folder}.given`;
  rmSync(given, { recursive: true, force: true });
  mkdirSync(given, { recursive: true });
  for (const path of installFiles) cpSync(inTree(path), join(given, basename(path)), { recursive: true });
  copyFileSync(debFile, join(given, basename(debFile)));
  await unpackBase(draft);
  for (const command of [`sh install.sh --image ${basename(debFile)}`, "sh clean.sh"])
    await run({
      what: command,
      command: "systemd-nspawn",
      args: [
        ...["--quiet", "--directory", draft, "--pipe", "--as-pid2", "--register=no", "--keep-unit"],
        ...["--private-network", "--resolv-conf=off", "--timezone=off", "--capability=all"],
        ...[`--bind-ro=${given}:/run/install`, "--chdir=/run/install", "/bin/sh", "-c", command],
      ],
      env: { SYSTEMD_NSPAWN_UNIFIED_HIERARCHY: "1" },
      deadlineMs: INSTALL_DEADLINE_MS,
      advice: "the lines that begin with FAILED say what does not work; the script is packer/install.sh",
    });
  rmSync(given, { recursive: true, force: true });
  renameSync(draft, folder);
}
