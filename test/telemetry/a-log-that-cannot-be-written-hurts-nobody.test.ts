import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, constants, mkdtempSync, openSync, readFileSync, rmSync } from "node:fs";
import { Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { eventually } from "../buildkit/real-buildkit.ts";
import { SmallDisk } from "../buildkit/small-disk.ts";

const PROCESS_LOG = fileURLToPath(new URL("../../dist/agent/adapters/telemetry/process-log.js", import.meta.url));
const DAEMON_OUTPUT = fileURLToPath(new URL("../../dist/agent/adapters/buildkit/output.js", import.meta.url));
/**
 * Far more than a turn of the event loop takes on a busy machine, and far less than a wait for
 * somebody.
 */
const PROMPT_MS = 10_000;
/** Twice what is kept of lines that nobody takes. */
const MANY_LINES = 10_000;

let folder: string;
const children: ChildProcess[] = [];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "stalled-log-"));
});
afterEach(async () => {
  for (const child of children.splice(0)) {
    child.kill("SIGKILL");
    if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
  }
  rmSync(folder, { recursive: true });
});

/**
 * Writes lines when told to over its IPC channel, and answers how long that took; memory in MiB
 * beside it.
 */
const WRITER = `
  import { processLog } from ${JSON.stringify(PROCESS_LOG)};
  const { fd } = JSON.parse(process.argv[1]);
  const log = processLog({ process: "gateway", level: "info", fd });
  let at = 0;
  process.on("message", ({ lines, exit }) => {
    const began = performance.now();
    for (let n = 0; n < lines; n += 1) log.info({ at: at++, pad: "x".repeat(200) }, "session.closed");
    process.send({ tookMs: performance.now() - began, residentMiB: process.memoryUsage.rss() / 2 ** 20 });
    if (exit !== undefined) process.exit(exit);
  });
  process.send({});`;

class Writer {
  readonly child: ChildProcess;

  private constructor(child: ChildProcess) {
    this.child = child;
  }

  /** `fd`: to which of 1 and 2 it logs; `to`: what is there. */
  static async start(to: number | "pipe", fd: 1 | 2 = 1): Promise<Writer> {
    const child = spawn(process.execPath, ["--input-type=module", "-e", WRITER, JSON.stringify({ fd })], {
      stdio: ["ignore", fd === 1 ? to : "ignore", fd === 2 ? to : "ignore", "ipc"],
    });
    children.push(child);
    await once(child, "message");
    return new Writer(child);
  }

  async write(lines: number, exit?: number): Promise<{ readonly tookMs: number; readonly residentMiB: number }> {
    const answered = once(this.child, "message");
    this.child.send({ lines, ...(exit !== undefined && { exit }) });
    const [answer] = (await answered) as [{ tookMs: number; residentMiB: number }];
    return answer;
  }

  async exited(): Promise<number | null> {
    if (this.child.exitCode === null && this.child.signalCode === null) await once(this.child, "exit");
    return this.child.exitCode;
  }
}

interface Line {
  readonly event?: string;
  readonly at?: number;
  readonly lines?: number;
}

/** Something that a process writes to, and whose reader reads only when it is told to. */
interface Stalled {
  readonly writer: Writer;
  readonly read: () => readonly Line[];
  readonly closeReader: () => void;
}

/** A pipe of the kernel, as a shell makes one. */
async function pipe(fd: 1 | 2): Promise<Stalled> {
  const path = join(folder, "pipe");
  execFileSync("mkfifo", [path]);
  const readFd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  const writeFd = openSync(path, "w");
  const writer = await Writer.start(writeFd, fd);
  closeSync(writeFd);
  return { writer, ...reading(new Socket({ fd: readFd, readable: true, writable: false })) };
}

/** A stream socket, as systemd's journal gives one, and Node to its children. */
async function socket(fd: 1 | 2): Promise<Stalled> {
  const writer = await Writer.start("pipe", fd);
  const stream = fd === 1 ? writer.child.stdout : writer.child.stderr;
  if (stream === null) throw new Error("No stream");
  return { writer, ...reading(stream) };
}

function reading(stream: Readable): Pick<Stalled, "closeReader" | "read"> {
  const lines: Line[] = [];
  let isRead = false;
  return {
    read: () => {
      if (!isRead) createInterface({ input: stream }).on("line", (line) => lines.push(JSON.parse(line) as Line));
      isRead = true;
      return lines;
    },
    closeReader: () => stream.destroy(),
  };
}

/** Each line is there, in order, or counted as dropped, at the place where it is missing. */
function accountedFor(lines: readonly Line[]): { readonly next: number; readonly dropped: number } {
  let next = 0;
  let dropped = 0;
  for (const line of lines) {
    if (line.event === "log.dropped") {
      next += line.lines ?? 0;
      dropped += line.lines ?? 0;
    } else {
      if (line.at !== next) throw new Error(`Line ${line.at} stands where line ${next} belongs`);
      next += 1;
    }
  }
  return { next, dropped };
}

describe.each([
  { reader: "a pipe", stalled: pipe },
  { reader: "a socket", stalled: socket },
])("$reader whose reader stalls", ({ stalled }) => {
  it.each([{ fd: 1 }, { fd: 2 }] as const)(
    "stops nobody; what was dropped is counted where it is missing, and told when the reader goes on (descriptor $fd)",
    async ({ fd }) => {
      const { writer, read } = await stalled(fd);
      expect((await writer.write(MANY_LINES)).tookMs).toBeLessThan(PROMPT_MS);
      const lines = read();
      await eventually(() => lines.some((line) => line.event === "log.dropped"), "what was dropped is told");
      await writer.write(1, 0);
      expect(await writer.exited()).toBe(0);
      await eventually(() => accountedFor(lines).next === MANY_LINES + 1, "every line is there or counted");
      expect(accountedFor(lines).dropped).toBeGreaterThan(0);
    },
  );

  it("costs a bounded amount of memory", async () => {
    const { writer } = await stalled(1);
    const before = await writer.write(MANY_LINES);
    const after = await writer.write(MANY_LINES * 10);
    expect(after.residentMiB - before.residentMiB).toBeLessThan(32);
  });

  it("is waited for at the end of the process only for a moment, and the exit code stays", async () => {
    const { writer } = await stalled(1);
    const began = performance.now();
    await writer.write(MANY_LINES, 70);
    expect(await writer.exited()).toBe(70);
    expect(performance.now() - began).toBeLessThan(PROMPT_MS * 2);
  });

  it("may close its end: the process goes on, and ends as it wants to", async () => {
    const { writer, closeReader } = await stalled(1);
    closeReader();
    await writer.write(MANY_LINES);
    await writer.write(MANY_LINES, 3);
    expect(await writer.exited()).toBe(3);
  });
});

it("a daemon whose output becomes our log goes on while nobody reads that", async () => {
  const script = `
    import { spawn } from "node:child_process";
    import { once } from "node:events";
    import { DaemonOutput } from ${JSON.stringify(DAEMON_OUTPUT)};
    import { processLog } from ${JSON.stringify(PROCESS_LOG)};
    const daemon = spawn("sh", ["-c", "yes $(printf %0200d 0) | head -c 5000000 >&2"], { stdio: ["ignore", "pipe", "pipe"] });
    const output = new DaemonOutput(processLog({ process: "launcher", level: "debug" }));
    output.follow(daemon.stdout);
    output.follow(daemon.stderr);
    const [code] = await once(daemon, "close");
    process.send(code);
    process.disconnect();`;
  const launcher = spawn(process.execPath, ["--input-type=module", "-e", script], {
    stdio: ["ignore", "pipe", "inherit", "ipc"],
  });
  children.push(launcher);
  expect(await once(launcher, "message")).toEqual([0, undefined]);
});

it("a disk that is full ends no process; what did not fit is told when there is room again", async ({ skip }) => {
  if (process.getuid?.() !== 0) skip("mounting a small disk needs root");
  using disk = await SmallDisk.mount(join(folder, "disk"), 4);
  const path = join(disk.dir, "log");
  const fd = openSync(path, "a");
  const writer = await Writer.start(fd);
  closeSync(fd);
  disk.fill();
  expect((await writer.write(MANY_LINES)).tookMs).toBeLessThan(PROMPT_MS);
  disk.giveBack();
  await eventually(() => readFileSync(path, "utf8").includes('"log.dropped"'), "what was dropped is told");
  await writer.write(1, 0);
  expect(await writer.exited()).toBe(0);
});

it.each([{ fd: 1 }, { fd: 2 }] as const)(
  "a descriptor $fd on which every write fails ends no process",
  async ({ fd }) => {
    const full = openSync("/dev/full", "w");
    const writer = await Writer.start(full, fd);
    closeSync(full);
    expect((await writer.write(MANY_LINES)).tookMs).toBeLessThan(PROMPT_MS);
    await writer.write(1, 7);
    expect(await writer.exited()).toBe(7);
  },
);

it("the flags of a pipe that others write to as well stay as they are", async () => {
  const { writer } = await pipe(1);
  await writer.write(1);
  const flags = /^flags:\s+(\d+)$/m.exec(readFileSync(`/proc/${writer.child.pid}/fdinfo/1`, "utf8"))?.[1] ?? "";
  expect(Number.parseInt(flags, 8) & constants.O_NONBLOCK).toBe(0);
});
