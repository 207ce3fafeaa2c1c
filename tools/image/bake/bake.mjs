import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, utimesSync } from "node:fs";
import { join } from "node:path";
import { cacheFolder } from "../../setup/cache-folder.mjs";
import { run } from "../../setup/child.mjs";
import { saying } from "../../setup/progress.mjs";
import { hashOf } from "../../setup/stamp.mjs";
import { runSteps } from "../../setup/step.mjs";
import { agentVersion } from "../agent-version.mjs";
import { baseStep } from "../base/base-tar.mjs";
import { architectures } from "../deb/architecture.mjs";
import { deb } from "../deb/deb.mjs";
import { hashOfFiles } from "../deb/source-files.mjs";
import { baseDisk, baseDiskStep } from "../disk/base-disk.mjs";
import { checkedSum } from "../facts.mjs";
import { makeSeed } from "../guest/seed.mjs";
import { installFiles } from "../install-files.mjs";
import { keepNewest } from "../keep-newest.mjs";
import { packerBuild } from "./packer.mjs";

const KEYGEN_DEADLINE_MS = 30_000;
const caches = join(cacheFolder(), "image");

/**
 * The image, baked by Packer in a VM on this machine, once for the same sources.
 * @param {"tcg" | "kvm"} accelerator
 * @returns {Promise<string>} A folder with image.qcow2, image.cdx.json and image.manifest.json.
 */
export async function bake(accelerator) {
  const agent = deb(architectures.amd64);
  await runSteps([baseStep, baseDiskStep, ...agent.steps]);
  const hash = hashOf([
    baseDisk(),
    agent.file(),
    hashOfFiles([...installFiles, "packer/builder.pkr.hcl", "tools/image/bake"]),
  ]);
  const folder = join(caches, `baked-${hash}`);
  await runSteps([
    {
      lockFile: join(caches, "bake.lock"),
      isDone: () => existsSync(folder),
      async carryOut() {
        await saying(`baking the image with Packer (${accelerator}; some minutes without kvm)`, () =>
          make(folder, agent.file(), accelerator),
        );
        keepNewest(caches, "baked-", 2);
      },
    },
  ]);
  const now = new Date();
  utimesSync(folder, now, now);
  return folder;
}

/** @param {string} folder @param {string} debFile @param {"tcg" | "kvm"} accelerator */
async function make(folder, debFile, accelerator) {
  const work = join(caches, "draft-bake");
  rmSync(work, { recursive: true, force: true });
  mkdirSync(work, { recursive: true, mode: 0o700 });
  const [key, seed, output] = [join(work, "key"), join(work, "seed.iso"), join(work, "output")];
  await run({
    what: "ssh-keygen",
    command: "ssh-keygen",
    args: ["-q", "-t", "ed25519", "-N", "", "-C", "bake", "-f", key],
    deadlineMs: KEYGEN_DEADLINE_MS,
  });
  await makeSeed({ target: seed, userData: letIn(readFileSync(`${key}.pub`, "utf8").trim()), instanceId: "bake" });
  mkdirSync(output);
  await packerBuild({
    source: "qemu.image",
    variables: {
      deb: debFile,
      version: agentVersion(),
      output_folder: output,
      base_image: baseDisk(),
      base_image_checksum: `sha256:${await checkedSum(baseDisk())}`,
      seed,
      ssh_private_key_file: key,
      accelerator,
    },
    workFolder: work,
  });
  renameSync(join(output, "qemu/image.qcow2"), join(output, "image.qcow2"));
  for (const kind of ["cdx.json", "manifest.json"])
    renameSync(join(output, `qemu-image.${kind}`), join(output, `image.${kind}`));
  rmSync(join(output, "qemu"), { recursive: true });
  renameSync(output, folder);
  rmSync(work, { recursive: true, force: true });
}

/**
 * What cloud-init is to do at the start of the bake, and nothing else: each module costs a second
 * without kvm. @param {string} publicKey
 */
const letIn = (publicKey) => ({
  disable_root: false,
  users: [{ name: "root", ssh_authorized_keys: [publicKey] }],
  ssh_genkeytypes: ["ed25519"],
  cloud_init_modules: ["users-groups", "ssh"],
  cloud_config_modules: [],
  cloud_final_modules: [],
});
