import { readSync, write } from "node:fs";
import { constants } from "node:os";
import { setTimeout as sleep } from "node:timers/promises";
import { ReadStream } from "node:tty";
import { promisify } from "node:util";
import type { IPty } from "node-pty";
import { TERMINAL_TYPE } from "../../core/debug/asciicast.ts";
import type { RunAs } from "../../core/debug/grant.ts";
import { AgentError } from "../../core/errors.ts";
import type { TerminalExit } from "../../ports/debug-terminal.ts";
import type { ShellCage } from "./shell-cage.ts";

/** A program that does not read its input is asked again after this. */
const FULL_MS = 20;

export interface Pty {
  /** The session's leader. */
  readonly pid: number;
  /** Never rejects. */
  readonly exited: Promise<TerminalExit>;
  /** `taken` is told of each part that the terminal has taken. */
  write(input: Uint8Array, taken: (bytes: number) => void): Promise<void>;
  pause(): void;
  resume(): void;
  resize(columns: number, rows: number): void;
  /** Resolves when everything that was started in it is gone. Harmless when it is. */
  end(): Promise<void>;
}

/**
 * Starts a shell on a terminal of its own. node-pty, and its native code, is loaded here: nowhere
 * else, and not before. @throws {AgentError} "terminal.not-started"
 */
export async function openPty(
  cage: ShellCage,
  order: {
    readonly command: readonly string[];
    readonly runAs: RunAs;
    readonly columns: number;
    readonly rows: number;
  },
  onOutput: (bytes: Uint8Array) => void,
): Promise<Pty> {
  const { file, args, env, cwd } = cage.shell(order);
  const { spawn } = await import("node-pty").catch((cause: unknown) => {
    throw new AgentError("terminal.not-started", "node-pty, which makes terminals, cannot be loaded", {
      retryable: false,
      cause,
    });
  });
  const { columns: cols, rows } = order;
  const pty = spawn(file, [...args], { name: TERMINAL_TYPE, cols, rows, env: { ...env }, cwd, encoding: null });
  const fd: unknown = Reflect.get(pty, "fd");
  if (typeof fd !== "number") throw new Error("node-pty does not tell its descriptor");
  // With encoding null these are buffers, whatever the types say.
  pty.onData((data: string | Uint8Array) => onOutput(typeof data === "string" ? Buffer.from(data) : data));
  let isOver = false;
  const exited = new Promise<TerminalExit>((resolve) => {
    pty.onExit(({ exitCode, signal = 0 }) => {
      isOver = true;
      resolve({ exitCode: signal === 0 ? exitCode : -1, signal: signalName(signal) });
    });
  });
  keepTheRest(pty, fd, onOutput);
  await cage.settled(pty.pid, exited);
  let written = Promise.resolve();
  return {
    pid: pty.pid,
    exited,
    write(input, taken) {
      written = written.then(() => writeAll(fd, input, taken, () => isOver));
      return written;
    },
    pause: () => pty.pause(),
    resume: () => pty.resume(),
    resize(columns, rows) {
      if (!isOver) pty.resize(columns, rows);
    },
    async end() {
      // A reader that is paused would never see the end.
      if (!isOver) pty.resume();
      await cage.end(pty.pid, exited);
    },
  };
}

/**
 * Reads the rest before node-pty's stream is closed. libuv takes a terminal whose program has ended
 * for read to its end after the next 4095 bytes, and node-pty closes it after 200 ms also while it
 * is paused; what the kernel still holds (less than 100 KiB) would be lost.
 */
function keepTheRest(pty: IPty, fd: number, onOutput: (bytes: Uint8Array) => void): void {
  const stream: unknown = Reflect.get(pty, "_socket");
  if (!(stream instanceof ReadStream)) throw new Error("node-pty has another stream than this release knows");
  const destroy = stream.destroy.bind(stream);
  let isRead = false;
  stream.destroy = (failure) => {
    if (!isRead) {
      isRead = true;
      // What it has read and not given yet goes the usual way.
      while (stream.read() !== null);
      const buffer = Buffer.alloc(REST_BYTES);
      for (let length = readRest(fd, buffer); length > 0; length = readRest(fd, buffer))
        onOutput(Buffer.from(buffer.subarray(0, length)));
    }
    return destroy(failure);
  };
}

const REST_BYTES = 65_536;

/** 0 at the end (EIO), and where somebody else still holds the terminal (EAGAIN). */
function readRest(fd: number, buffer: Buffer): number {
  try {
    return readSync(fd, buffer);
  } catch {
    return 0;
  }
}

const writeSome = promisify(write);

/** node-pty's own queue has no bound, and spins while the program does not read. */
async function writeAll(
  fd: number,
  input: Uint8Array,
  taken: (bytes: number) => void,
  isOver: () => boolean,
): Promise<void> {
  for (let at = 0; at < input.length && !isOver(); ) {
    try {
      const { bytesWritten } = await writeSome(fd, input, at, input.length - at, null);
      at += bytesWritten;
      if (bytesWritten > 0) taken(bytesWritten);
      else await sleep(FULL_MS);
    } catch (failure) {
      if (!isFull(failure)) return;
      await sleep(FULL_MS);
    }
  }
}

function isFull(failure: unknown): boolean {
  return failure instanceof Error && "code" in failure && failure.code === "EAGAIN";
}

function signalName(number: number): string {
  return Object.entries(constants.signals).find(([, known]) => known === number)?.[0] ?? "";
}
