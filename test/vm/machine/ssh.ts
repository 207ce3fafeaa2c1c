import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { rm } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { Deadline } from "../../../agent/lifecycle/deadline.ts";
import { paced } from "./pace.ts";

export interface SshAddress {
  /** On this machine's loopback. */
  readonly port: number;
  readonly keyFile: string;
  /** Where the shared connection is to be had; at most 80 bytes. */
  readonly controlSocket: string;
}

export interface CommandEnding {
  readonly exitCode: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

const LOGIN = "builder@127.0.0.1";
const ATTEMPT_DEADLINE_MS = paced(20_000);
const PAUSE_MS = 200;
const CLOSE_DEADLINE_MS = paced(5_000);
const RUN_DEADLINE_MS = paced(120_000);

/**
 * Root's shell on a guest, by way of a person who may do everything. One connection is shared by
 * all commands: under emulation a handshake costs more than most of what is asked.
 */
export class Ssh implements AsyncDisposable {
  readonly #address: SshAddress;
  readonly #master: ChildProcess;

  private constructor(address: SshAddress, master: ChildProcess) {
    this.#address = address;
    this.#master = master;
  }

  /** Tries until the guest answers. @throws {Error} when the signal is aborted. */
  static async connect(address: SshAddress, signal: AbortSignal): Promise<Ssh> {
    for (;;) {
      const master = spawn("ssh", [
        ...common(address),
        ...["-M", "-N", "-o", "PermitLocalCommand=yes", "-o", "LocalCommand=echo connected"],
        LOGIN,
      ]);
      using attempt = new Deadline(ATTEMPT_DEADLINE_MS, signal);
      const connected = await within(master, attempt.signal);
      if (connected) return new Ssh(address, master);
      await end(master);
      signal.throwIfAborted();
      await sleep(PAUSE_MS, undefined, { signal });
    }
  }

  /** Runs a line of shell, with `stdin` if there is any. @throws {Error} after `deadlineMs`. */
  async run(line: string, { stdin = "", deadlineMs = RUN_DEADLINE_MS } = {}): Promise<CommandEnding> {
    const words = [...common(this.#address), "-o", "ControlMaster=no", LOGIN, `sudo -n sh -c ${quoted(line)}`];
    const client = spawn("ssh", words, {
      timeout: deadlineMs,
      killSignal: "SIGKILL",
    });
    // Who does not read what it is given is free not to.
    client.stdin.on("error", () => undefined).end(stdin);
    const [stdout, stderr] = [textOf(client.stdout), textOf(client.stderr)];
    await once(client, "close");
    if (client.signalCode === "SIGKILL") throw new Error(`The guest did not finish in ${deadlineMs} ms: ${line}`);
    return { exitCode: client.exitCode, stdout: stdout(), stderr: stderr() };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await end(this.#master);
    // One whose guest is gone leaves it.
    await rm(this.#address.controlSocket, { force: true });
  }
}

function quoted(line: string): string {
  return `'${line.replaceAll("'", `'\\''`)}'`;
}

function common({ port, keyFile, controlSocket }: SshAddress): readonly string[] {
  return [
    ...["-F", "none", "-S", controlSocket, "-p", String(port), "-i", keyFile, "-q"],
    ...["BatchMode=yes", "StrictHostKeyChecking=no", "UserKnownHostsFile=/dev/null", "ConnectTimeout=15"].flatMap(
      (option) => ["-o", option],
    ),
  ];
}

async function within(master: ChildProcess, signal: AbortSignal): Promise<boolean> {
  try {
    const said = master.stdout;
    if (said === null) return false;
    return await Promise.race([
      once(said, "data", { signal }).then(() => true),
      once(master, "exit", { signal }).then(() => false),
    ]);
  } catch {
    return false;
  }
}

async function end(master: ChildProcess): Promise<void> {
  if (master.exitCode !== null || master.signalCode !== null) return;
  const gone = once(master, "exit", { signal: AbortSignal.timeout(CLOSE_DEADLINE_MS) }).catch(() => undefined);
  master.kill("SIGTERM");
  await gone;
  if (master.exitCode === null && master.signalCode === null) master.kill("SIGKILL");
}

function textOf(stream: NodeJS.ReadableStream): () => string {
  let text = "";
  stream.setEncoding("utf8").on("data", (chunk: string) => (text += chunk));
  return () => text;
}
