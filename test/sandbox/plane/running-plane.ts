import { createHash } from "node:crypto";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { execa } from "execa";
import { fixedPort } from "../../../sandbox/net/fixed-port.ts";
import { eventually } from "../real-sandbox.ts";

const PLANE = fileURLToPath(new URL("../../../dist/sandbox/plane.js", import.meta.url));
const DEADLINE_MS = 30_000;

/** `npm run plane -- …` without npm: gives exit code, stdout and stderr, and never throws. */
export function plane(...args: readonly string[]) {
  return execa(process.execPath, [PLANE, ...args], { reject: false, env: { NO_COLOR: "1" }, timeout: DEADLINE_MS });
}

function start(dir: string, port: number, ...more: readonly string[]) {
  const args = [PLANE, "--listen", `127.0.0.1:${port}`, "--dir", dir, ...more];
  return execa(process.execPath, args, { reject: false, all: true, env: { NO_COLOR: "1" } });
}

/** As it writes it down. */
interface Ready {
  readonly pid: number;
  readonly caFile: string;
  readonly exchangeUrl?: string;
}

/** A control plane as a process, in a directory and on a port that stay its own over restarts. */
export class RunningPlane implements AsyncDisposable {
  readonly dir: string;
  readonly port: number;
  readonly serverName = "control-plane.sandbox.internal";
  readonly #parent: string;
  readonly #more: readonly string[];
  #process: ReturnType<typeof start>;
  #caPem = "";
  #heard = "";
  #exchangeUrl: string | undefined;

  private constructor(parent: string, port: number, more: readonly string[]) {
    this.#parent = parent;
    this.#more = more;
    this.dir = join(parent, "plane");
    this.port = port;
    this.#process = start(this.dir, port, ...more);
    this.#process.all?.on("data", (bytes: Buffer) => (this.#heard += bytes.toString()));
  }

  static async start(...more: readonly string[]): Promise<RunningPlane> {
    const running = new RunningPlane(await mkdtemp(join(tmpdir(), "plane-test-")), await fixedPort(), more);
    await running.ready();
    return running;
  }

  get endpoint(): string {
    return `127.0.0.1:${this.port}`;
  }

  get caPem(): string {
    return this.#caPem;
  }

  /** Where CI jobs come in, if they do. */
  get exchangeUrl(): string {
    if (this.#exchangeUrl === undefined) throw new Error("It has no exchange");
    return this.#exchangeUrl;
  }

  /** @throws {Error} if it ends before, with what it said. */
  async ready(): Promise<void> {
    const { pid } = this.#process;
    const over = this.#process.then(({ exitCode, stderr }) => {
      throw new Error(`The control plane ended with ${exitCode}: ${stderr}`);
    });
    const here = eventually("ready.json", async () => {
      const text = await readFile(join(this.dir, "ready.json"), "utf8").catch(() => "{}");
      const { pid: by, caFile, exchangeUrl } = JSON.parse(text) as Partial<Ready>;
      return by === pid && caFile !== undefined ? { caFile, exchangeUrl } : undefined;
    });
    const ready = await Promise.race([here, over]);
    this.#exchangeUrl = ready.exchangeUrl;
    this.#caPem = await readFile(ready.caFile, "utf8");
    over.catch(() => undefined);
  }

  /** As a machine that loses its power. */
  async kill(): Promise<void> {
    this.#process.kill("SIGKILL");
    await this.#process;
  }

  /** As Ctrl-C does it; gives how it ended, and what it said. */
  interrupt() {
    this.#process.kill("SIGINT");
    return this.#process;
  }

  /** As `kill -HUP` does it. */
  hangUp(): void {
    this.#process.kill("SIGHUP");
  }

  /** Waits until it has said so, to stdout or stderr. */
  async said(words: RegExp): Promise<void> {
    await eventually(String(words), () => (words.test(this.#heard) ? true : undefined));
  }

  /** While it is off: its state becomes this, as its own release would have written it. */
  async rewriteState(state: unknown): Promise<void> {
    const text = JSON.stringify(state);
    const sha256 = createHash("sha256").update(text).digest("hex");
    await writeFile(join(this.dir, "state.json"), JSON.stringify({ version: 1, sha256, state: text }));
  }

  async startAgain(): Promise<void> {
    this.#process = start(this.dir, this.port, ...this.#more);
    await this.ready();
  }

  /** One of its commands, in its directory. */
  command(...args: readonly string[]) {
    return plane(...args, "--dir", this.dir);
  }

  /** The same; its JSON. @throws {Error} what it says when it fails. */
  async asked<T>(...args: readonly string[]): Promise<T> {
    const { exitCode, stdout, stderr } = await this.command(...args, "--json");
    if (exitCode !== 0) throw new Error(stderr);
    return JSON.parse(stdout) as T;
  }

  async token(...more: readonly string[]): Promise<string> {
    return (await this.command("token", "--org", "acme", "--project", "app", ...more)).stdout;
  }

  /** In good order: one that is killed for good leaves its socket's directory. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.interrupt();
    await rm(this.#parent, { recursive: true, force: true });
  }
}
