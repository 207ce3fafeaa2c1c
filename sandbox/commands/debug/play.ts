import { readFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { z } from "zod";
import { EXIT, SandboxFailure } from "../../failure.ts";
import type { InDir } from "../builds.ts";

export interface PlayOptions {
  readonly speed: number;
  readonly longestPause: number;
}

const event = z.tuple([z.number(), z.string(), z.string()]);

/** Plays a recording that the sandbox keeps; asciinema plays the same file. */
export async function play(recording: string, { dir, speed, longestPause }: InDir & PlayOptions): Promise<void> {
  const file = join(resolve(dir), "recordings", `${recording}.cast`);
  const text = await readFile(file, "utf8").catch((cause: unknown) => {
    throw new SandboxFailure(EXIT.noInput, `There is no recording ${file}: debug list has their names.`, cause);
  });
  const events = text
    .trimEnd()
    .split("\n")
    .slice(1)
    .map((line) => event.parse(JSON.parse(line)));
  const faster = new AbortController();
  const { stdin, stdout } = process;
  const hurry = (keys: Buffer): void => {
    if (keys.includes(CTRL_C)) process.exitCode = INTERRUPTED;
    faster.abort();
  };
  if (stdin.isTTY) stdin.setRawMode(true).once("data", hurry);
  try {
    let before = 0;
    for (const [seconds, code, data] of events) {
      const pauseMs = Math.min(longestPause, (seconds - before) * 1_000) / Math.max(0.1, speed);
      before = seconds;
      await sleep(pauseMs, undefined, { signal: faster.signal }).catch(() => undefined);
      if (process.exitCode === INTERRUPTED) return;
      if (code === "o") stdout.write(data);
    }
  } finally {
    if (stdin.isTTY) stdin.setRawMode(false);
    stdin.pause();
  }
}

const CTRL_C = 3;
const INTERRUPTED = 130;
