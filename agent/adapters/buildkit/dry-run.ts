import { mkdir, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { AgentError } from "../../core/errors.ts";
import type { UnitExit } from "../../ports/buildkit.ts";
import type { Log } from "../../ports/log.ts";
import { DaemonProcess } from "./daemon-process.ts";

/** A start takes 0.15 s on an idle machine. */
const DEADLINE_MS = 30_000;
/** No entitlement has this name. */
const NONSENSE = "dry-run";

/**
 * Lets buildkitd itself judge a configuration. It has no option for that, but it looks at the
 * entitlements of its command line last: after it has parsed the file, taken root and socket, found
 * runc, set up a build's network once, opened its databases and listed its worker (v0.33.1,
 * cmd/buildkitd/main.go). So it is started on a throwaway root and socket with an entitlement that
 * does not exist: if that is what it complains of, all the rest is good, and it ends on its own
 * without having served anything.
 * @throws {AgentError} "buildkit.config-refused", with its words.
 */
export async function dryRun(binary: string, configFile: string, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted();
  // Always the same directory: what a killed process of ours left there goes now.
  const dir = join(dirname(configFile), "dry-run");
  await rm(dir, { recursive: true, force: true });
  await mkdir(dir, { mode: 0o700 });
  try {
    const args = [
      ...["--config", configFile, "--root", join(dir, "root")],
      ...["--addr", `unix://${join(dir, "s")}`, "--otel-socket-path", join(dir, "o")],
      // Its socket is the running one's.
      ...["--debugaddr", ""],
      ...["--allow-insecure-entitlement", NONSENSE],
    ];
    const daemon = await DaemonProcess.start(binary, args, {}, SILENT);
    const exit = await daemon.endsWithin(DEADLINE_MS, signal);
    signal.throwIfAborted();
    judge(exit, configFile);
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}

function judge({ lastLines, code, signal }: UnitExit, configFile: string): void {
  const words = lastLines.filter((line) => line.startsWith("buildkitd: "));
  if (words.some((line) => line.includes(`invalid entitlement : ${NONSENSE}`))) return;
  const said = words.at(-1)?.slice("buildkitd: ".length) ?? lastLines.at(-1) ?? "nothing";
  throw new AgentError(
    "buildkit.config-refused",
    `buildkitd refused ${configFile} (${signal ?? `exit code ${code ?? "unknown"}`}); it said: ${said}`,
    { retryable: false },
  );
}

/** What it says in a dry run is in the error, if it matters. */
const SILENT: Log = { debug() {}, info() {}, warn() {}, error() {} };
