import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { execa } from "execa";

const SANDBOX = fileURLToPath(new URL("../../dist/sandbox/main.js", import.meta.url));
const DEMO = fileURLToPath(new URL("../../dist/sandbox/demo.js", import.meta.url));
const DEADLINE_MS = 45_000;

export interface Ready {
  readonly endpoint: string;
  readonly serverName: string;
  readonly caFile: string;
  readonly healthUrl: string;
  /** Where stand-ins' jobs go, with `--ci`, and the CA that they pin. */
  readonly exchangeUrl?: string;
  readonly planeCaFile?: string;
}

export interface Ticket extends Ready {
  readonly buildId: string;
  readonly certFile: string;
  readonly keyFile: string;
}

/** `npm run sandbox -- …` without npm: gives exit code, stdout and stderr, and never throws. */
export function sandbox(...args: readonly string[]) {
  return execa(process.execPath, [SANDBOX, ...args], { reject: false, env: { NO_COLOR: "1" }, timeout: DEADLINE_MS });
}

export function demo(...args: readonly string[]) {
  return execa(process.execPath, [DEMO, ...args], { reject: false, env: { NO_COLOR: "1" }, timeout: DEADLINE_MS });
}

export function buildctl(program: string, ticket: Ticket, ...args: readonly string[]) {
  const { endpoint, serverName, caFile, certFile, keyFile } = ticket;
  const tls = ["--tlscacert", caFile, "--tlscert", certFile, "--tlskey", keyFile, "--tlsservername", serverName];
  return execa(program, ["--addr", endpoint, ...tls, ...args], { reject: false, timeout: DEADLINE_MS });
}

function up(dir: string, options: readonly string[]) {
  const args = [SANDBOX, "up", "--listen", "127.0.0.1:0", "--dir", dir, ...options];
  return execa(process.execPath, args, { reject: false, env: { NO_COLOR: "1" } });
}

/** A sandbox of its own directory, as a process. */
export class RealSandbox implements AsyncDisposable {
  readonly dir: string;
  readonly process: ReturnType<typeof up>;
  readonly #parent: string;
  #heard = "";

  private constructor(parent: string, dir: string, options: readonly string[] = []) {
    this.#parent = parent;
    this.dir = dir;
    this.process = up(dir, options);
    this.process.stdout.on("data", (bytes: Buffer) => (this.#heard += bytes.toString()));
  }

  /** What it has said so far, to stdout. */
  heard(): string {
    return this.#heard;
  }

  static async start(name = "d", ...options: readonly string[]): Promise<RealSandbox> {
    const parent = await mkdtemp(join(tmpdir(), "sandbox-test-"));
    return new RealSandbox(parent, join(parent, name), options);
  }

  /** Another one, in the same directory. */
  again(): RealSandbox {
    return new RealSandbox(this.#parent, this.dir);
  }

  /** @throws {Error} if it ends before, with what it said. */
  async ready(): Promise<Ready> {
    const over = this.process.then(({ exitCode, stderr }) => {
      throw new Error(`The sandbox ended with ${exitCode}: ${stderr}`);
    });
    return Promise.race([this.#readReady(), over]);
  }

  async #readReady(): Promise<Ready> {
    const text = await eventually("ready.json", () =>
      readFile(join(this.dir, "ready.json"), "utf8").catch(() => undefined),
    );
    return JSON.parse(text) as Ready;
  }

  async open(...args: readonly string[]): Promise<Ticket> {
    const { stdout } = await sandbox("build", "open", "--dir", this.dir, ...args);
    return JSON.parse(stdout) as Ticket;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.process.kill("SIGTERM");
    await this.process;
    await rm(this.#parent, { recursive: true, force: true });
  }
}

/** Looks again and again until there is something to see. */
export async function eventually<T>(what: string, look: () => Promise<T | undefined> | T | undefined): Promise<T> {
  const deadline = AbortSignal.timeout(DEADLINE_MS);
  for (;;) {
    const found = await look();
    if (found !== undefined) return found;
    if (deadline.aborted) throw new Error(`Waited ${DEADLINE_MS} ms for ${what}.`);
    await sleep(20);
  }
}
