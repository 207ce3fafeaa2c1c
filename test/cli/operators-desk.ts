import { access, mkdir } from "node:fs/promises";
import { dirname } from "node:path";
import { operatorDesk } from "../../agent/adapters/operators/desk.ts";
import { layoutOf } from "../../agent/cli/layout.ts";
import { NOTHING_OBSERVED } from "../../agent/core/observed-state.ts";
import { statusReport } from "../../agent/core/status-report.ts";
import type { OperatorClerk } from "../../agent/ports/operators.ts";
import { TempDir } from "../../sandbox/stack/temp-dir.ts";
import { eventually } from "../buildkit/real-buildkit.ts";

const SILENT = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };

/** An agent's desk for operators with a clerk of the test's behind it. */
export class DeskRig implements AsyncDisposable {
  readonly runtimeDir: string;
  readonly socket: string;
  readonly #dir: TempDir;
  readonly #over = new AbortController();
  #serving: Promise<void> = Promise.resolve();

  private constructor(dir: TempDir) {
    this.#dir = dir;
    this.runtimeDir = dir.path;
    this.socket = layoutOf({ stateDir: dir.path, runtimeDir: dir.path, cacheDir: dir.path }).operatorsSocket;
  }

  /** Nobody listens until `open`. */
  static async make(): Promise<DeskRig> {
    const rig = new DeskRig(await TempDir.make("/tmp/desk-"));
    await mkdir(dirname(rig.socket));
    return rig;
  }

  async open(clerk: Partial<OperatorClerk>): Promise<void> {
    const whole: OperatorClerk = {
      drain: () => ({ at: "draining", reason: "x", leftMs: 0 }),
      watchEnding: async () => ({ ended: "drained", reason: "x", undone: [] }),
      reconnect: async () => ({ is: "attached", already: true, lastWordMs: 0 }),
      health: () => statusReport(NOTHING_OBSERVED),
      ...clerk,
    };
    this.#serving = operatorDesk({ path: this.socket, log: SILENT }).serve(whole, this.#over.signal);
    await eventually(
      () =>
        access(this.socket).then(
          () => true,
          () => false,
        ),
      "the desk is open",
    );
  }

  async close(): Promise<void> {
    this.#over.abort();
    await this.#serving;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
    await this.#dir[Symbol.asyncDispose]();
  }
}
