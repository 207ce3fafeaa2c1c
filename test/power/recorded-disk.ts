import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, statSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { blankDisk, sh } from "../volume/disk-image.ts";

const START_DEADLINE_MS = 20_000;
const END_DEADLINE_MS = 20_000;

/**
 * A block device that keeps a log of what it is told: a loop device over a file that QEMU's
 * storage daemon serves, with its driver "blklogwrites" in between. A flush is an entry, too.
 */
export class RecordedDisk implements AsyncDisposable {
  readonly sizeBytes: number;
  readonly logFile: string;
  readonly path: string;
  readonly #daemon: ChildProcess;

  private constructor(daemon: ChildProcess, path: string, logFile: string, sizeBytes: number) {
    this.#daemon = daemon;
    this.path = path;
    this.logFile = logFile;
    this.sizeBytes = sizeBytes;
  }

  /** Blank. `dir` is its owner's. */
  static async blank(dir: string, sizeBytes: number): Promise<RecordedDisk> {
    const disk = await blankDisk(join(dir, "recorded.raw"), sizeBytes);
    const [logFile, served, pidFile] = ["writes.log", "served", "daemon.pid"].map((name) => join(dir, name));
    if (logFile === undefined || served === undefined || pidFile === undefined) throw new Error("unreachable");
    await Promise.all([writeFile(logFile, ""), writeFile(served, "")]);
    const daemon = spawn(
      "setpriv",
      [
        ...["--pdeathsig", "KILL", "qemu-storage-daemon", "--pidfile", pidFile],
        ...blockdev({ driver: "file", "node-name": "disk", filename: disk, discard: "unmap" }),
        ...blockdev({ driver: "file", "node-name": "log", filename: logFile }),
        ...blockdev({ driver: "blklogwrites", "node-name": "logged", file: "disk", log: "log", discard: "unmap" }),
        ...["--export", `type=fuse,id=served,node-name=logged,mountpoint=${served},writable=on`],
      ],
      { stdio: ["ignore", "ignore", "inherit"] },
    );
    for (const deadline = AbortSignal.timeout(START_DEADLINE_MS); !existsSync(pidFile); ) {
      if (daemon.exitCode !== null) throw new Error(`qemu-storage-daemon ended with ${daemon.exitCode}`);
      await sleep(20, undefined, { signal: deadline });
    }
    return new RecordedDisk(daemon, sh("losetup", ["--find", "--show", served]).trim(), logFile, sizeBytes);
  }

  /** How long the log is: whatever was answered until now is in it. */
  get loggedBytes(): number {
    return statSync(this.logFile).size;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    sh("losetup", ["--detach", this.path]);
    if (this.#daemon.exitCode !== null || this.#daemon.signalCode !== null) return;
    const gone = once(this.#daemon, "exit", { signal: AbortSignal.timeout(END_DEADLINE_MS) });
    this.#daemon.kill("SIGTERM");
    await gone;
  }
}

function blockdev(options: Readonly<Record<string, string>>): readonly string[] {
  return ["--blockdev", JSON.stringify(options)];
}
