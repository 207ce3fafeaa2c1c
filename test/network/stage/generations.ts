import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import type { NetworkPlace } from "../../../sandbox/net/place.ts";

const MARK = "generations_mark";

/** Counts the transactions that change nftables, as the kernel announces them. */
export class Generations implements AsyncDisposable {
  readonly #place: NetworkPlace;
  readonly #monitor: ChildProcess;
  #said = "";
  #complaint = "";

  private constructor(place: NetworkPlace) {
    this.#place = place;
    const { command, args } = place.enter("stdbuf", ["-oL", "nft", "monitor"]);
    this.#monitor = spawn(command, args, { stdio: ["ignore", "pipe", "pipe"] });
    this.#monitor.stderr?.setEncoding("utf8").on("data", (piece: string) => (this.#complaint += piece));
    this.#monitor.stdout?.setEncoding("utf8").on("data", (piece: string) => (this.#said += piece));
  }

  /** Counts from now on. */
  static async watch(place: NetworkPlace): Promise<Generations> {
    const watching = new Generations(place);
    await watching.#mark();
    watching.#said = "";
    return watching;
  }

  /** How many of them had to do with a table of this name. */
  async count(table: string): Promise<number> {
    await this.#mark();
    return this.#said.split(/^# new generation.*$/m).filter((changes) => changes.includes(table)).length;
  }

  /**
   * Makes and deletes a table, again until it was announced: what was before has been announced by
   * then.
   */
  async #mark(): Promise<void> {
    const before = this.#said.length;
    for (let tries = 0; tries < 100 && !this.#said.slice(before).includes(MARK); tries += 1) {
      if (this.#monitor.exitCode !== null) throw new Error(`nft monitor ended:\n${this.#complaint}`);
      await this.#place.run("nft", ["add", "table", "inet", MARK]);
      await this.#place.run("nft", ["delete", "table", "inet", MARK]);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = once(this.#monitor, "close");
    this.#monitor.kill("SIGKILL");
    await closed;
  }
}
