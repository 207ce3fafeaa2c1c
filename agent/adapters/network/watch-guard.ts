import { spawn } from "node:child_process";
import { LineCutter } from "../../core/line-cutter.ts";
import { TABLE } from "../../core/network/guard.ts";
import { firstOf, within } from "../../lifecycle/branch.ts";
import { Pulse } from "../../lifecycle/pulse.ts";
import type { Clock } from "../../ports/clock.ts";
import type { Log } from "../../ports/log.ts";
import type { NetworkHost } from "./network-host.ts";
import { TOOL_ENVIRONMENT } from "./run-tool.ts";

/** Links, addresses and resolvers change, too, and nobody tells of them here. */
const RESTORE_EVERY_MS = 60_000;
/** Changes seldom come alone. */
const SETTLE_MS = 200;
/** Between two looks, also where somebody changes something again and again. */
const PAUSE_MS = 2_000;
/** It is killed, or missing. */
const LISTEN_AGAIN_MS = 10_000;
const LINE_MAX_CHARS = 2_000;

/**
 * Puts the builds' network right when somebody changes the guard's rules, and every minute, until
 * it is disposed: what builder-agent-network-watch.service does under systemd. Needs root.
 */
export function watchedGuard(network: Pick<NetworkHost, "restore">, parts: Parts): AsyncDisposable {
  const over = new AbortController();
  const watching = watchGuard(network, parts, over.signal);
  return {
    async [Symbol.asyncDispose]() {
      over.abort();
      await watching;
    },
  };
}

interface Parts {
  readonly clock: Clock;
  readonly log: Log;
}

/** Never rejects. */
async function watchGuard(
  network: Pick<NetworkHost, "restore">,
  { clock, log }: Parts,
  signal: AbortSignal,
): Promise<void> {
  const changed = new Pulse();
  await firstOf(
    signal,
    async (ends) => {
      for (; !ends.aborted; await clock.sleep(LISTEN_AGAIN_MS, ends)) {
        await monitor(changed, ends);
        // Whatever was changed without a witness.
        changed.note();
      }
    },
    async (ends) => {
      for (let heard = changed.count; !ends.aborted; await clock.sleep(PAUSE_MS, ends)) {
        const since = heard;
        await within(clock, RESTORE_EVERY_MS, ends, (limit) => changed.next(limit, since));
        await clock.sleep(SETTLE_MS, ends);
        heard = changed.count;
        await network.restore(ends).catch((err: unknown) => {
          if (!ends.aborted) log.warn({ err }, "network.not-restored");
        });
      }
    },
  );
}

/** One run of nft, which tells of each change of a rule. Resolves when it has ended. */
function monitor(changed: Pulse, signal: AbortSignal): Promise<void> {
  // It has nothing to say when its reader dies, and would stay.
  const child = spawn("setpriv", ["--pdeathsig", "KILL", "--", "nft", "monitor"], {
    env: TOOL_ENVIRONMENT,
    stdio: ["ignore", "pipe", "ignore"],
    signal,
    killSignal: "SIGKILL",
  });
  const cutter = new LineCutter(LINE_MAX_CHARS);
  child.stdout.setEncoding("utf8").on("data", (piece: string) => {
    if (cutter.push(piece).some((line) => line.includes(` ${TABLE}`))) changed.note();
  });
  return new Promise((resolve) => {
    child.once("error", () => undefined).once("close", () => resolve());
  });
}
