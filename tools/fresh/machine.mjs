import { rmSync } from "node:fs";
import { join } from "node:path";
import { cacheFolder } from "../setup/cache-folder.mjs";
import { run } from "../setup/child.mjs";
import { say } from "../setup/progress.mjs";
import { runSteps } from "../setup/step.mjs";
import { inTree } from "../setup/tree.mjs";
import { makeCgroup, removeCgroup } from "./cgroup.mjs";
import { askHost, head } from "./host.mjs";
import { makeRoot } from "./root.mjs";

/** All of it, on two busy cores, with nothing of Go's in the cache. */
const DEADLINE_MS = 120 * 60_000;
const PATH = "/usr/local/go/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/**
 * Clones the commit of this work tree into a machine that has Debian's minimum, git, Node and Go,
 * and runs there what a newcomer runs. It has the network of this machine, to reach the package
 * registries. Nothing is left of it.
 * @param {readonly string[]} args For `npm test`.
 * @returns {Promise<number>} The exit code. @throws {import("../setup/failure.mjs").SetupFailed}
 */
export async function freshMachine(args) {
  const folder = join(cacheFolder(), "fresh");
  const root = join(folder, "root");
  const cgroup = makeCgroup("builder-agent-fresh");
  process.once("exit", () => {
    rmSync(root, { recursive: true, force: true });
    removeCgroup(cgroup);
  });
  await runSteps([
    {
      lockFile: join(cacheFolder(), "fresh.lock"),
      isDone: () => false,
      async carryOut() {
        const host = await askHost();
        await makeRoot(root, host);
        await journey({ root, cgroup, host, args });
      },
    },
  ]);
  return 0;
}

/**
 * @param {{ root: string, cgroup: string, host: import("./host.mjs").Host, args: readonly string[]
 *   }} of
 */
async function journey({ root, cgroup, host, args }) {
  say("npm run demo and npm test of this commit there; what is not committed is left out");
  await run({
    what: "the journey of a fresh machine",
    command: "sh",
    args: [
      // The shell moves itself, and so all that it becomes.
      ...["-c", 'echo $$ >"$0/cgroup.procs" && exec systemd-nspawn "$@"', cgroup],
      ...["--quiet", "--directory", root, "--pipe", "--as-pid2", "--register=no", "--keep-unit"],
      ...["--resolv-conf=copy-host", "--timezone=off", "--capability=all"],
      "--system-call-filter=@keyring bpf @mount",
      ...host.readOnly.map(([path, place]) => `--bind-ro=${path}:${place}`),
      ...host.overlaid.map(([path, place]) => `--overlay=${path}::${place}`),
      `--bind-ro=${inTree("tools/fresh/journey.sh")}:/run/host/journey.sh`,
      ...Object.entries({ ...host.env, PATH, HOME: "/root" }).map(([name, value]) => `--setenv=${name}=${value}`),
      ...["/bin/sh", "/run/host/journey.sh", await head(), ...args],
    ],
    // Its /proc/sys is the machine's own, as for root on any machine: networks of tests have
    // settings there.
    env: { SYSTEMD_NSPAWN_UNIFIED_HIERARCHY: "1", SYSTEMD_NSPAWN_API_VFS_WRITABLE: "1" },
    deadlineMs: DEADLINE_MS,
    advice: "what it said is above",
    onLine: (line) => process.stdout.write(`${line}\n`),
  });
}
