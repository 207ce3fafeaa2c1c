import { existsSync, mkdirSync, renameSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { cacheFolder } from "../../setup/cache-folder.mjs";
import { run } from "../../setup/child.mjs";
import { saying } from "../../setup/progress.mjs";
import { hashOf } from "../../setup/stamp.mjs";
import { inTree, readIfThere } from "../../setup/tree.mjs";
import { keepNewest } from "../keep-newest.mjs";
import { aptProxies, debianSources } from "./debian-sources.mjs";
import { leftOut, packages } from "./packages.mjs";

const SUITE = "bookworm";
const DEADLINE_MS = 20 * 60_000;
const FINISH = inTree("tools/image/base/finish.sh");

/** Security updates come into the image with the base, so none is used for longer than the month in which it was made. */
const month = () => new Date().toISOString().slice(0, "2026-01".length);

/** The root file system of Debian, without anything of ours, as a tar. It is named after all that decides what is in it. */
export function baseTar() {
  const hash = hashOf([SUITE, month(), JSON.stringify([packages, leftOut]), readIfThere(FINISH)]);
  return join(cacheFolder(), "image", `base-${SUITE}-amd64-${month()}-${hash}.tar.zst`);
}

/** @type {import("../../setup/step.mjs").Step} */
export const baseStep = {
  lockFile: join(cacheFolder(), "image", "base.lock"),
  isDone: () => existsSync(baseTar()),
  async carryOut() {
    const target = baseTar();
    const draft = join(dirname(target), "draft-base.tar.zst");
    mkdirSync(dirname(target), { recursive: true });
    const [sources, proxies] = [await debianSources(SUITE), await aptProxies()];
    await saying("making Debian's root file system with mmdebstrap (about 2 minutes, once a month)", () =>
      run({
        what: "mmdebstrap",
        command: "mmdebstrap",
        args: [
          "--mode=root",
          "--variant=minbase",
          "--architectures=amd64",
          `--include=${Object.values(packages).flat().join(",")}`,
          ...proxies.map((option) => `--aptopt=${option}`),
          ...leftOut.exclude.map((path) => `--dpkgopt=path-exclude=${path}`),
          ...leftOut.include.map((path) => `--dpkgopt=path-include=${path}`),
          `--customize-hook=sh ${FINISH} "$1"`,
          SUITE,
          draft,
          ...sources,
        ],
        env: { SOURCE_DATE_EPOCH: String(Date.parse(`${month()}-01`) / 1000), DEBIAN_FRONTEND: "noninteractive" },
        deadlineMs: DEADLINE_MS,
        advice: "check that Debian's packages can be reached (apt-get update), then run the same command again",
      }),
    );
    rmSync(target, { force: true });
    renameSync(draft, target);
    keepNewest(dirname(target), "base-", 2);
  },
};
