import { copyFileSync, mkdirSync, rmSync, symlinkSync } from "node:fs";
import { dirname, join } from "node:path";
import { aptProxies, debianSources } from "../image/base/debian-sources.mjs";
import { run } from "../setup/child.mjs";
import { saying } from "../setup/progress.mjs";

const SUITE = "bookworm";
const DEADLINE_MS = 20 * 60_000;
/**
 * What a person has on a machine before anything of this project: the rest is for the set-up to
 * bring.
 */
const PACKAGES = ["ca-certificates", "git"];

/**
 * Makes a root file system of what Debian calls required, and nothing more.
 * @param {string} folder Made anew.
 * @param {import("./host.mjs").Host} host
 */
export async function makeRoot(folder, host) {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(dirname(folder), { recursive: true });
  const [sources, proxies] = [await debianSources(SUITE), await aptProxies()];
  await saying("making a minimal Debian with mmdebstrap (about a minute)", () =>
    run({
      what: "mmdebstrap",
      command: "mmdebstrap",
      args: [
        ...["--mode=root", "--variant=minbase", `--include=${PACKAGES.join(",")}`],
        ...proxies.map((option) => `--aptopt=${option}`),
        ...[SUITE, folder, ...sources],
      ],
      env: { DEBIAN_FRONTEND: "noninteractive" },
      deadlineMs: DEADLINE_MS,
      advice: "check that Debian's packages can be reached (apt-get update), then run the same command again",
    }),
  );
  for (const file of host.copied) copyFileSync(file, join(folder, file));
  for (const place of ["/usr/local/bin", ...host.overlaid.map(([, place]) => place)])
    mkdirSync(join(folder, place), { recursive: true });
  symlinkSync("../lib/node_modules/npm/bin/npm-cli.js", join(folder, "usr/local/bin/npm"));
}
