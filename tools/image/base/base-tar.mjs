import { existsSync, mkdirSync, readFileSync, renameSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { cacheFolder } from "../../setup/cache-folder.mjs";
import { run } from "../../setup/child.mjs";
import { say, saying } from "../../setup/progress.mjs";
import { hashOf, writeWhole } from "../../setup/stamp.mjs";
import { inTree, readIfThere } from "../../setup/tree.mjs";
import { updatesOf } from "../audit/updates.mjs";
import { factsOf, noteFacts } from "../facts.mjs";
import { keepNewest } from "../keep-newest.mjs";
import { aptProxies, debianSources } from "./debian-sources.mjs";
import { leftOut, packages } from "./packages.mjs";

export const SUITE = "bookworm";
const DEADLINE_MS = 20 * 60_000;
const FINISH = inTree("tools/image/base/finish.sh");

/**
 * Updates come into the image with the base: none is used for longer than the month in which it was
 * made, and a bake makes it anew where Debian has newer packages (renewBase).
 */
const month = () => new Date().toISOString().slice(0, "2026-01".length);

/** Says when a bake last found that Debian has newer packages, in UTC. */
const renewal = join(cacheFolder(), "image", "renewed-base");

/**
 * Files that are made here are no newer than this morning, in seconds. Those of packages are older,
 * and keep their times: the manifest tells of them.
 */
const thisMorning = () => String(Date.parse(new Date().toISOString().slice(0, "2026-01-01".length)) / 1000);

/**
 * The root file system of Debian, without anything of ours, as a tar. It is named after all that
 * decides what is in it.
 */
export function baseTar() {
  const hash = hashOf([SUITE, month(), JSON.stringify([packages, leftOut]), readIfThere(FINISH), readIfThere(renewal)]);
  return join(cacheFolder(), "image", `base-${SUITE}-amd64-${month()}-${hash}.tar.zst`);
}

/** @type {import("../../setup/step.mjs").Step} */
export const baseStep = {
  lockFile: join(cacheFolder(), "image", "base.lock"),
  isDone: () => existsSync(baseTar()),
  async carryOut() {
    const target = baseTar();
    const draft = join(dirname(target), "draft-base.tar.zst");
    const list = join(dirname(target), "draft-packages");
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
          `--customize-hook=chroot "$1" dpkg-query --show --showformat='\${Package} \${Version}\\n' >"$BASE_PACKAGES"`,
          `--customize-hook=sh ${FINISH} "$1"`,
          SUITE,
          draft,
          ...sources,
        ],
        env: {
          SOURCE_DATE_EPOCH: thisMorning(),
          DEBIAN_FRONTEND: "noninteractive",
          BASE_PACKAGES: list,
        },
        deadlineMs: DEADLINE_MS,
        advice: "check that Debian's packages can be reached (apt-get update), then run the same command again",
      }),
    );
    await noteFacts({ file: target, draft, packages: packagesIn(readFileSync(list, "utf8")) });
    rmSync(list);
    rmSync(target, { force: true });
    renameSync(draft, target);
    keepNewest(dirname(target), "base-", 2);
  },
};

/**
 * Sees to it that the base is made anew, if Debian has newer packages than the one that is there.
 * @throws {SetupFailed} where Debian cannot be asked.
 */
export async function renewBase() {
  const { packages: installed = [] } = factsOf(baseTar()) ?? {};
  if (installed.length === 0) return;
  const { updates } = await saying("asking Debian for updates of the base", () => updatesOf(installed, SUITE));
  if (updates.length === 0) return;
  const [first] = updates;
  say(`Debian has ${updates.length} newer packages (${first?.name} ${first?.newest}): the base is made anew`);
  writeWhole(renewal, new Date().toISOString().replace(/\.\d+/, ""));
}

/** @param {string} listed "NAME VERSION", a line a package. */
const packagesIn = (listed) =>
  listed
    .trim()
    .split("\n")
    .map((line) => line.split(" "))
    .map(([name = "", version = ""]) => ({ name, version }));
