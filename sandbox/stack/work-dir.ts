import { rm } from "node:fs/promises";
import { join } from "node:path";

/** Everything that a sandbox puts into its directory. */
const OURS = ["ready.json", "agent.toml", "control-plane-ca.pem", "ca.pem", "state", "cache", "builds"];
const LOG = "agent.log";

/** What a sandbox leaves of its directory: nothing, but for the agent's log when something went wrong. */
export class WorkDir implements AsyncDisposable {
  keepLog = true;
  readonly path: string;
  readonly #made: boolean;

  /** `made`: the directory itself is ours too. */
  constructor(dir: { readonly path: string; readonly made: boolean }) {
    this.path = dir.path;
    this.#made = dir.made;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const names = this.keepLog ? OURS : [...OURS, LOG];
    for (const name of names) await rm(join(this.path, name), { recursive: true, force: true });
    if (this.#made && !this.keepLog) await rm(this.path, { recursive: true, force: true });
  }
}
