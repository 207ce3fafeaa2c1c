import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { eventually } from "../journeys/stage/eventually.ts";

const run = promisify(execFile);

/** A terminal of tmux, of a server of its own: what a person has in front of them. */
export class Screen implements AsyncDisposable {
  readonly #socket: string;

  private constructor(socket: string) {
    this.#socket = socket;
  }

  static async open(socket: string, columns = 100, rows = 30): Promise<Screen> {
    const screen = new Screen(socket);
    const size = ["-x", String(columns), "-y", String(rows)];
    await screen.#tmux("-f", "/dev/null", "new-session", "-d", ...size, "sh");
    return screen;
  }

  async type(text: string): Promise<void> {
    await this.#tmux("send-keys", "-l", text);
    await this.key("Enter");
  }

  async key(name: string): Promise<void> {
    await this.#tmux("send-keys", name);
  }

  async resize(columns: number, rows: number): Promise<void> {
    await this.#tmux("resize-window", "-x", String(columns), "-y", String(rows));
  }

  text(): Promise<string> {
    return this.#tmux("capture-pane", "-p");
  }

  /** What tmux knows of it: "#{cursor_flag}". */
  async known(format: string): Promise<string> {
    return (await this.#tmux("display-message", "-p", format)).trim();
  }

  async shows(pattern: RegExp): Promise<void> {
    let shown = "";
    await eventually(`the screen shows ${pattern}`, async () => {
      shown = await this.text();
      return pattern.test(shown);
    }).catch((cause: unknown) => {
      throw new Error(`${pattern} is not on the screen:\n${shown}`, { cause });
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#tmux("kill-server");
  }

  async #tmux(...args: readonly string[]): Promise<string> {
    return (await run("tmux", ["-S", this.#socket, ...args], { timeout: 10_000 })).stdout;
  }
}
