import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { text } from "node:stream/consumers";
import { setTimeout as sleep } from "node:timers/promises";
import type { NetworkPlace } from "../place.ts";

const IN_FORCE_DEADLINE_MS = 5_000;
const LOOK_EVERY_MS = 10;

/**
 * An nftables table that the kernel removes when this process is gone, however it went: it is owned
 * by the netlink socket of a child of ours (`flags owner`, Linux 5.12), which reads its orders from
 * us.
 */
export class OwnedTable implements AsyncDisposable {
  readonly #place: NetworkPlace;
  readonly #name: string;
  readonly #owner: ChildProcess;

  private constructor(place: NetworkPlace, name: string, owner: ChildProcess) {
    this.#place = place;
    this.#name = name;
    this.#owner = owner;
  }

  /** `chains`: "chain NAME { … }", each in one line. @throws {Error} with nft's words. */
  static async make(place: NetworkPlace, name: string, chains: readonly string[]): Promise<OwnedTable> {
    const { command, args } = place.enter("nft", ["--interactive"]);
    const owner = spawn(command, args, { stdio: "pipe", detached: true });
    owner.stdout.resume();
    const complaint = text(owner.stderr).catch(() => "");
    const table = new OwnedTable(place, name, owner);
    await once(owner, "spawn");
    // An order ends with its line.
    const content = ["flags owner", ...chains].map((statement) => `${statement};`).join(" ");
    owner.stdin.on("error", () => undefined).write(`table inet ${name} { ${content} }\n`);
    if (await table.#becomesReal()) return table;
    await table[Symbol.asyncDispose]();
    throw new Error(`nft did not take the table ${name}: ${(await complaint).trim()}`);
  }

  /** @throws {Error} if it is still there. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#owner.exitCode === null && this.#owner.signalCode === null) {
      const closed = once(this.#owner, "close");
      this.#owner.kill("SIGKILL");
      await closed;
    }
    if (await this.#isThere()) throw new Error(`The nftables table inet ${this.#name} is still there.`);
  }

  async #becomesReal(): Promise<boolean> {
    for (let waitedMs = 0; waitedMs < IN_FORCE_DEADLINE_MS; waitedMs += LOOK_EVERY_MS) {
      if (await this.#isThere()) return true;
      await sleep(LOOK_EVERY_MS);
    }
    return false;
  }

  async #isThere(): Promise<boolean> {
    const tables = await this.#place.run("nft", ["list", "tables", "inet"]);
    return tables.split("\n").some((line) => line.split(" ")[2] === this.#name);
  }
}
