import { untilBeatMs } from "../../core/beat.ts";
import { AgentError } from "../../core/errors.ts";
import { replaceFile } from "../../files/whole-file.ts";
import { Branch, firstOf, within } from "../../lifecycle/branch.ts";
import { Cell } from "../../lifecycle/cell.ts";
import type { BuildkitUnit, UnitStatus } from "../../ports/buildkit.ts";
import type { Clock } from "../../ports/clock.ts";
import type { Log } from "../../ports/log.ts";
import { buildkitRun, UNKNOWN_RUN } from "./buildkit-run.ts";
import { BuildkitWatch } from "./buildkit-watch.ts";
import { lastWords } from "./journal.ts";
import { isManagerEndingUs } from "./own-ending.ts";
import { CGROUP_ROOT, controlGroupId, isAlive } from "./run-trace.ts";
import { showUnit, systemctl } from "./systemctl.ts";
import { UNIT_NAMES } from "./unit-names.ts";

const UNIT = UNIT_NAMES.buildkitd;
const LOOK_EVERY_MS = 1_000;
/**
 * How the unit's preparation says that it refuses what control proposed: EX_CONFIG of sysexits(3).
 */
const CONFIG_REFUSED = "status=78";

export interface SystemdBuildkitOptions {
  /**
   * Where control proposes a configuration; `builder-agent buildkit prepare` judges it, as root, at
   * each start of the unit.
   */
  readonly proposalFile: string;
  readonly clock: Clock;
  readonly log: Log;
  /** Default: where Linux has it. */
  readonly cgroupRoot?: string;
}

/**
 * buildkitd as a unit of systemd. Once a second its control group and its process are looked at,
 * which starts no process; `systemctl` is asked only when they have changed, after a verb, and
 * while the unit is between two states.
 */
export function systemdBuildkit(options: SystemdBuildkitOptions): BuildkitUnit {
  const { proposalFile, clock } = options;
  const watch = new BuildkitWatch();
  /** Raised after each verb: there may be news. */
  const verbs = new Cell(0);
  const nudge = (): void => verbs.update((count) => count + 1);
  return {
    async configure(toml, signal) {
      signal.throwIfAborted();
      await replaceFile(proposalFile, toml, { mode: 0o640 });
    },
    async start(signal) {
      watch.stopAsked = false;
      try {
        await systemctl("start", UNIT, signal);
      } catch (failure) {
        await explain(failure, signal);
      } finally {
        nudge();
      }
    },
    async stop(graceMs, signal) {
      watch.stopAsked = true;
      try {
        await stop(graceMs, clock, signal);
      } finally {
        nudge();
      }
    },
    statuses: (signal) => statuses(watch, verbs, options, signal),
  };
}

async function* statuses(
  watch: BuildkitWatch,
  verbs: Cell<number>,
  { clock, log, cgroupRoot = CGROUP_ROOT }: SystemdBuildkitOptions,
  signal: AbortSignal,
): AsyncGenerator<UnitStatus, void, undefined> {
  let told: UnitStatus | undefined;
  for (let silent = false; !signal.aborted; ) {
    const verb = verbs.get();
    // Before the look: a change while systemctl answers is seen as one after it.
    const group = controlGroupId(cgroupRoot);
    let status: UnitStatus | undefined;
    try {
      status = await watch.look(signal);
      silent = false;
      if (status !== undefined && status !== told) {
        told = status;
        yield status;
      }
    } catch (err) {
      if (signal.aborted) return;
      // It may be busy, or reloading: whoever waits for a status goes on waiting.
      if (!silent) log.warn({ err }, "buildkit.unit-not-seen");
      silent = true;
    }
    do
      await within(clock, untilBeatMs(clock.now(), LOOK_EVERY_MS), signal, (pause) =>
        verbs.first((count) => count !== verb, pause),
      );
    while (!signal.aborted && verbs.get() === verb && isAsTold(status, group, cgroupRoot));
  }
}

/** False also where it cannot be known, or is about to change: then systemctl tells. */
function isAsTold(status: UnitStatus | undefined, group: bigint | "none" | undefined, cgroupRoot: string): boolean {
  if (status === undefined || group === undefined) return false;
  if (status.at === "running" && !isAlive(status.pid)) return false;
  return controlGroupId(cgroupRoot) === group;
}

/** Stopped to the end; after `graceMs`, or when `hurry` is aborted, it is killed. */
async function stop(graceMs: number, clock: Clock, hurry: AbortSignal): Promise<void> {
  const never = new AbortController().signal;
  if (await isManagerEndingUs(never)) return systemctl("stop", UNIT, never, ["--no-block"]);
  await firstOf(
    never,
    () => systemctl("stop", UNIT, never),
    async (gone) => {
      using patience = new Branch(hurry);
      gone.addEventListener("abort", () => patience.abort(), { once: true });
      await clock.sleep(graceMs, patience.signal);
      if (!gone.aborted) await systemctl("kill", UNIT, never, ["--signal=SIGKILL", "--kill-whom=all"]);
    },
  );
}

/**
 * A daemon that came up and went again is told by its status. @throws what kept it from coming up
 * at all.
 */
async function explain(failure: unknown, signal: AbortSignal): Promise<void> {
  if (!(failure instanceof AgentError) || failure.code !== "service.failed" || signal.aborted) throw failure;
  const seen = await showUnit(UNIT, { ...UNKNOWN_RUN, ExecStartPre: "" }, signal);
  if (buildkitRun(seen).at !== "none") return;
  const said = (await lastWords(seen.InvocationID, signal)).at(-1) ?? failure.message;
  if (seen.ExecStartPre.includes(CONFIG_REFUSED))
    throw new AgentError("buildkit.config-refused", said, { retryable: false, cause: failure });
  throw new AgentError("buildkit.cannot-start", `${UNIT} did not start: ${said}`, { retryable: true, cause: failure });
}
