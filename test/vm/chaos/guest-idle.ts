import { BuildPermission } from "../../../agent/adapters/grpc/gen/builder/agent/v1/desired_state.ts";
import { buildctlArguments } from "../../../sandbox/stack/client-lines.ts";
import { DISK_USAGE, largestOf } from "../../chaos/disks.ts";
import type { Sample } from "../../chaos/gauge.ts";
import { type Idle, kindOfLink, lines, programOf } from "../../chaos/idle.ts";
import { Client } from "../../journeys/stage/client.ts";
import { paced } from "../machine/pace.ts";
import type { VmStage } from "../stage/vm-stage.ts";

const PRUNE_DEADLINE_MS = paced(120_000);
const CACHE = "/var/lib/builder-agent/cache";
const SLICES = "/sys/fs/cgroup/agent.slice /sys/fs/cgroup/builds.slice";
const UNITS = {
  control: "builder-agent-control.service",
  gateway: "builder-agent-gateway.service",
  buildkitd: "buildkitd.service",
} as const;

/** Of everything that is the agent's or BuildKit's: what a machine has, whatever it does. */
const LOOKS: Readonly<Record<string, string>> = {
  processes: `find ${SLICES} -name cgroup.procs -exec cat {} + | xargs -r -n 1 ps -o args= -p; true`,
  mounts: "findmnt --noheadings --raw --output TARGET | grep -e /builder-agent; true",
  mappings: "dmsetup ls",
  links: "ip -oneline link",
  tables: "nft list tables",
  namespaces: "lsns --noheadings --type net --output TYPE",
  sockets: "find /run/builder-agent* -type s",
  keys: "grep --recursive --files-with-matches 'PRIVATE KEY-----' /var/lib/builder-agent /etc/builder-agent; true",
};

/** Pruned first: what is cached belongs to no build. */
export async function guestIdle(stage: VmStage): Promise<Idle> {
  await pruned(stage);
  const things = await guestThings(stage);
  const used = await stage.guest.run(`df --output=used --block-size=1K ${CACHE} | tail -1`);
  const cache = largestOf(await stage.guest.run(`cd ${CACHE} && ${DISK_USAGE}`));
  return { things, usedKib: { cache: Number(used) }, largest: { cache }, samples: await samples(stage) };
}

export async function guestThings({ guest }: Pick<VmStage, "guest">): Promise<Idle["things"]> {
  const things: Record<string, readonly string[]> = {};
  for (const [kind, line] of Object.entries(LOOKS)) {
    const found = lines(await guest.run(line));
    if (kind === "processes") things[kind] = found.map((args) => programOf(args.split(" ")));
    else things[kind] = kind === "links" ? found.map(kindOfLink) : found;
  }
  return things;
}

async function samples({ guest }: VmStage): Promise<readonly Sample[]> {
  const all: Sample[] = [];
  for (const [name, unit] of Object.entries(UNITS)) {
    const pid = Number(await guest.run(`systemctl show --property=MainPID --value ${unit}`));
    const rssKib = Number(await guest.run(`awk '/^VmRSS/ { print $2 }' /proc/${pid}/status`));
    const targets = lines(await guest.run(`find /proc/${pid}/fd -type l -printf '%l\\n'`));
    const descriptors = targets.map((target) => target.replace(/:\[\d+\]$/, ""));
    all.push({ name: name as Sample["name"], pid, atMs: Date.now(), rssKib, descriptors });
  }
  return all;
}

async function pruned(stage: VmStage): Promise<void> {
  const build = await stage.openBuild({ permissions: [BuildPermission.BUILD, BuildPermission.PRUNE] });
  try {
    const words = [...buildctlArguments(build), "prune", "--all"];
    await using client = Client.start(stage.tools.buildctl, words, process.env, PRUNE_DEADLINE_MS);
    await client.succeeds();
  } finally {
    stage.plane.endBuild(build.buildId);
  }
}
