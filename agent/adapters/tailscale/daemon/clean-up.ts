import { execFile } from "node:child_process";
import { promisify } from "node:util";
import type { Log } from "../../../ports/log.ts";
import { confined, daemonEnvironment } from "./confined.ts";

const PROGRAM_MS = 10_000;
/**
 * tailscale v1.100.0, wgengine/router/osrouter/router_linux.go: `--cleanup` leaves its policy
 * rules, which a daemon that was killed has left behind.
 */
const RULE_PRIORITIES = [5210, 5230, 5250, 5270] as const;

/**
 * After each end, because it may have been a kill: firewall, names, policy rules. The device has
 * gone with its process, and its routes with the device.
 */
export async function cleanUp(binary: string, tun: string, log: Log): Promise<void> {
  const { command, args } = confined(binary, ["--cleanup", `--tun=${tun}`, "--socket=/dev/null"], { userspace: false });
  await run(command, args).catch((err: unknown) => log.warn({ err }, "tailscaled.not-cleaned-up"));
  for (const family of ["-4", "-6"])
    for (const priority of RULE_PRIORITIES) {
      // One that is not there is as it should be.
      await run("ip", [family, "rule", "del", "pref", String(priority)]).catch(() => undefined);
    }
}

async function run(command: string, args: readonly string[]): Promise<void> {
  await promisify(execFile)(command, args, {
    env: daemonEnvironment(process.env),
    timeout: PROGRAM_MS,
    killSignal: "SIGKILL",
  });
}
