import { existsSync } from "node:fs";
import { readdir, rm } from "node:fs/promises";
import { join } from "node:path";

const POLICY_FILES = [
  "attestation.toml",
  ...["aws", "azure-root", "nitro-root"].map((name) => `attestation-${name}.pem`),
];
/** Everything that a sandbox puts into its directory. */
const OURS = [
  "ready.json",
  "agent.toml",
  "control-plane-ca.pem",
  "ca.pem",
  "state",
  "cache",
  "builds",
  ...POLICY_FILES,
];
const LOG = "agent.log";
/** What a person asked for: it stays. */
const THEIRS = ["recordings", "diagnostics"];
/** Goes after us, with the claim. */
const CLAIM = "sandbox.json";

/**
 * A sandbox's directory: empty of ours at first, and at the end, but for the agent's log when
 * something went wrong.
 */
export class WorkDir implements AsyncDisposable {
  keepLog = true;
  readonly path: string;
  readonly #made: boolean;

  private constructor({ path, made }: DirToUse) {
    this.path = path;
    this.#made = made;
  }

  get logFile(): string {
    return join(this.path, LOG);
  }

  /**
   * Removes what a killed sandbox left: nobody who waits for its ready.json shall find an old one.
   */
  static async open(dir: DirToUse): Promise<WorkDir> {
    await removeFrom(dir.path, [...OURS, LOG]);
    return new WorkDir(dir);
  }

  /** What of a person's is there, and stays. */
  theirs(): readonly string[] {
    return THEIRS.map((name) => join(this.path, name)).filter((path) => existsSync(path));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await removeFrom(this.path, this.keepLog ? OURS : [...OURS, LOG]);
    if (this.#made && !this.keepLog && (await this.#isOurs())) await rm(this.path, { recursive: true, force: true });
  }

  /** Whether nobody else has put anything into it: a tailnet that is up beside, for instance. */
  async #isOurs(): Promise<boolean> {
    return (await readdir(this.path).catch(() => [])).every((name) => name === CLAIM);
  }
}

/** `made`: the directory itself is ours too. */
interface DirToUse {
  readonly path: string;
  readonly made: boolean;
}

async function removeFrom(dir: string, names: readonly string[]): Promise<void> {
  for (const name of names) await rm(join(dir, name), { recursive: true, force: true });
}
