import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** Of a process; the slowest makes an RSA key. */
const DEADLINE_MS = 30_000;
const MOST_AT_ONCE = 4;

/** Debian's program, in a folder of its own: the maker is none of the libraries that read. */
export class OpenSsl implements AsyncDisposable {
  readonly folder: string;
  #files = 0;
  #running = 0;
  readonly #waiting: (() => void)[] = [];

  private constructor(folder: string) {
    this.folder = folder;
  }

  static async open(): Promise<OpenSsl> {
    return new OpenSsl(await mkdtemp(join(tmpdir(), "builder-agent-openssl-")));
  }

  /** What it writes. @throws {Error} with what it says */
  async run(args: readonly string[], input: Uint8Array | string = ""): Promise<Buffer> {
    if (this.#running >= MOST_AT_ONCE) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    this.#running += 1;
    try {
      return await child(args, input, this.folder);
    } finally {
      this.#running -= 1;
      this.#waiting.shift()?.();
    }
  }

  /** Whether it ends well. */
  takes(args: readonly string[], input: Uint8Array | string = ""): Promise<boolean> {
    return this.run(args, input).then(
      () => true,
      () => false,
    );
  }

  /** The path of a file with this in it. */
  async file(content: Uint8Array | string): Promise<string> {
    const path = this.#path();
    await writeFile(path, content);
    return path;
  }

  /** What it writes to the file that is named last. */
  async output(args: readonly string[], input: Uint8Array | string = ""): Promise<Buffer> {
    const path = this.#path();
    await this.run([...args, "-out", path], input);
    return readFile(path);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.folder, { recursive: true, force: true });
  }

  #path(): string {
    this.#files += 1;
    return join(this.folder, `file-${this.#files}`);
  }
}

function child(args: readonly string[], input: Uint8Array | string, cwd: string): Promise<Buffer> {
  const options = { cwd, encoding: "buffer", timeout: DEADLINE_MS, killSignal: "SIGKILL", maxBuffer: 1 << 20 } as const;
  return new Promise((resolve, reject) => {
    const started = execFile("openssl", [...args], options, (cause, stdout, stderr) => {
      if (cause === null) resolve(stdout);
      else reject(new Error(`openssl ${args.join(" ")}: ${stderr.toString()}`, { cause }));
    });
    // It may end before it has read all: what it says then is in the answer.
    started.stdin?.on("error", () => undefined);
    started.stdin?.end(input);
  });
}
