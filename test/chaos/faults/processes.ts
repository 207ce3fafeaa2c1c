import { readFile } from "node:fs/promises";
import { WaitedInVain } from "../../../sandbox/control-plane/changes.ts";
import type { ChildName, Stage } from "../../journeys/stage/stage.ts";
import type { Fault } from "./fault.ts";
import { nothingToMend } from "./fault.ts";

/** What any start of a part does to builds that come meanwhile. */
const KEPT_WAITING = ["unaccepted", "refused:not-ready"];
const WITHOUT_GATEWAY = [...KEPT_WAITING, "no-session", "ending:gateway-lost"];
const WITHOUT_BUILDKIT = [...KEPT_WAITING, ...["no-session", "ending:buildkit-closed", "ending:buildkit-error"]];
const WITHOUT_AGENT = [...new Set([...WITHOUT_GATEWAY, ...WITHOUT_BUILDKIT, "refused:draining", "refused:stopping"])];

/** BuildKit gives a build's session 5 s to be heard of, by a clock that does not stand still. */
const STANDS_STILL = ["said:session-late"];

const lane = "processes";
const EVERYBODY: readonly ChildName[] = ["launcher", "gateway", "control", "buildkitd"];

function killed(name: ChildName, breaks: readonly string[], weight: number): Fault {
  return {
    ...{ lane, weight, breaks, holdsMs: [0, 0], what: `${name} is killed` },
    bring: async ({ stage }) => {
      await signalled(stage, name, "SIGKILL");
      return nothingToMend;
    },
  };
}

function stopped(name: ChildName, breaks: readonly string[], holdsMs: readonly [number, number]): Fault {
  return {
    ...{ lane, weight: 2, breaks, holdsMs, what: `${name} is stopped, and goes on` },
    bring: async ({ stage }) => {
      const pid = await signalled(stage, name, "SIGSTOP");
      return { mend: () => ifThere(stage, pid, "SIGCONT") };
    },
  };
}

/** The process of that name, if there is one: it may be between two lives. */
export async function signalled(stage: Stage, name: ChildName, signal: NodeJS.Signals): Promise<number> {
  const pid = await stage.pid(name);
  await ifThere(stage, pid, signal);
  return pid;
}

/** Unless it is gone, and its number perhaps somebody else's. */
async function ifThere({ workDir, runtimeDir }: Stage, pid: number, signal: NodeJS.Signals): Promise<void> {
  const commandLine = await readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "");
  if (!commandLine.includes(workDir) && !commandLine.includes(runtimeDir)) return;
  try {
    process.kill(pid, signal);
  } catch (failure) {
    // It went just now.
    if ((failure as NodeJS.ErrnoException).code !== "ESRCH") throw failure;
  }
}

/** A machine that cannot be ready yet, because of another fault, is judged at the end. */
async function startedAgain(stage: Stage): Promise<void> {
  await stage.startAgain().catch((failure: unknown) => {
    if (!(failure instanceof WaitedInVain)) throw failure;
  });
}

export const PROCESS_FAULTS = {
  "control-killed": killed("control", KEPT_WAITING, 5),
  "control-stopped": stopped("control", KEPT_WAITING, [1_000, 20_000]),
  "gateway-killed": killed("gateway", WITHOUT_GATEWAY, 3),
  "gateway-stopped": stopped("gateway", [...WITHOUT_GATEWAY, ...STANDS_STILL], [500, 8_000]),
  "buildkitd-killed": killed("buildkitd", WITHOUT_BUILDKIT, 3),
  "buildkitd-stopped": stopped("buildkitd", [...WITHOUT_BUILDKIT, ...STANDS_STILL], [500, 12_000]),
  "machine-suspended": {
    ...{ lane, weight: 2, holdsMs: [1_000, 12_000] },
    breaks: [...new Set([...WITHOUT_GATEWAY, ...WITHOUT_BUILDKIT, ...STANDS_STILL])],
    what: "the whole machine stands still, and goes on",
    bring: async ({ stage }) => {
      const pids: number[] = [];
      for (const name of EVERYBODY) pids.push(await signalled(stage, name, "SIGSTOP"));
      return {
        mend: async () => {
          for (const pid of pids) await ifThere(stage, pid, "SIGCONT");
        },
      };
    },
  },
  "agent-killed": {
    // What only the killed gateway knew of its newest sessions nobody tells.
    ...{ lane, weight: 1, breaks: [...WITHOUT_AGENT, "nobody"], holdsMs: [0, 0] },
    what: "the launcher is killed, and all of the agent with it; it is started again",
    bring: async ({ stage }) => {
      await signalled(stage, "launcher", "SIGKILL");
      return { mend: () => startedAgain(stage) };
    },
  },
  "agent-drained": {
    ...{ lane, weight: 1, breaks: [...WITHOUT_AGENT, "ending:drain-deadline"], holdsMs: [0, 0] },
    what: "an operator drains the machine; it is started again",
    bring: async ({ stage }) => {
      const { exitCode } = await stage.ask("drain", ["--deadline", "3s", "--detach"]);
      // Where control is not there to be asked, the service manager is.
      if (exitCode !== 0) await signalled(stage, "launcher", "SIGTERM");
      return { mend: () => startedAgain(stage) };
    },
  },
} as const satisfies Readonly<Record<string, Fault>>;
