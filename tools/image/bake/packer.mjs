import { join } from "node:path";
import { run } from "../../setup/child.mjs";
import { say } from "../../setup/progress.mjs";
import { inTree } from "../../setup/tree.mjs";

const BAKE_DEADLINE_MS = 30 * 60_000;

/** Packer 1.6 takes one file, and knows no plugins block. */
export const TEMPLATE = inTree("packer/builder.pkr.hcl");

/**
 * It neither calls home nor reads or writes what a person has set up for Packer. @param {string}
 * folder
 */
export const packerEnvironment = (folder) => ({
  CHECKPOINT_DISABLE: "1",
  PACKER_CACHE_DIR: join(folder, "cache"),
  PACKER_CONFIG_DIR: join(folder, "config"),
});

/**
 * Bakes one source of the template, and says how far it is.
 * @param {{ source: string, variables: Readonly<Record<string, string>>, workFolder: string }} of
 */
export function packerBuild({ source, variables, workFolder }) {
  return run({
    what: "packer build",
    command: "packer",
    args: [
      "build",
      "-color=false",
      `-only=${source}`,
      ...Object.entries(variables).flatMap(([name, value]) => ["-var", `${name}=${value}`]),
      TEMPLATE,
    ],
    cwd: workFolder,
    env: packerEnvironment(workFolder),
    deadlineMs: BAKE_DEADLINE_MS,
    advice: "a line with FAILED says what does not work in the image; packer/README.md says how to look into a bake",
    onLine: (line) => {
      const step = /^(?:==> |    )\S+: (.*(?:\.\.\.|install: .*|ok: .*|FAILED.*|connected.*|finished.*))$/i.exec(
        line,
      )?.[1];
      if (step) say(`  ${step.trim()}`);
    },
  });
}
