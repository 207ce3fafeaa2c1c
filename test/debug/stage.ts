import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { assignmentFile } from "../../agent/adapters/assignment/assignment-file.ts";
import { systemClock } from "../../agent/adapters/clock/system-clock.ts";
import { joinTokenEvidence } from "../../agent/adapters/evidence/join-token-evidence.ts";
import { connectControlPlane } from "../../agent/adapters/grpc/connect-control-plane.ts";
import { TerminalProcesses } from "../../agent/adapters/launcher/terminal-processes.ts";
import { askedTerminal } from "../../agent/adapters/terminal/asked-terminal.ts";
import { grantSignatures } from "../../agent/adapters/terminal/grant-signatures.ts";
import { processGone } from "../../agent/adapters/terminal/process-gone.ts";
import { recordingFiles } from "../../agent/adapters/terminal/recording-files.ts";
import { usedGrants } from "../../agent/adapters/terminal/used-grants.ts";
import { newBoard } from "../../agent/control/board/board.ts";
import { keepTerminals } from "../../agent/control/debug/keep-terminals.ts";
import { keepAssignment } from "../../agent/control/keep-assignment.ts";
import { AgentError } from "../../agent/core/errors.ts";
import type { DebugPorts } from "../../agent/ports/debug-terminal.ts";
import type { MachineIdentity } from "../../agent/ports/keys.ts";
import { listenUnix } from "../../agent/wire/listener.ts";
import type { GrantOrder } from "../../sandbox/control-plane/debug/grants.ts";
import type { TerminalLine } from "../../sandbox/control-plane/debug/terminal-line.ts";
import { EmbeddedControlPlane } from "../../sandbox/control-plane/embedded-control-plane.ts";
import { CollectedLog } from "../keys/collected-log.ts";
import { APP, HELLO, join as register } from "../plane/member.ts";
import { Sitting } from "./sitting.ts";

const PROGRAM = fileURLToPath(new URL("../../dist/agent/cli/main.js", import.meta.url));

/** Why a test is skipped: a cage needs root. */
export const needsRoot = process.getuid?.() !== 0;

/** The chapter of terminals as control has it, with a real control plane and real shells. */
export class DebugStage implements AsyncDisposable {
  readonly plane: EmbeddedControlPlane;
  readonly identity: MachineIdentity;
  readonly log = new CollectedLog();
  readonly board = newBoard();
  readonly dir: string;
  /** Changes of what the chapter asks of the outside. */
  readonly change: Partial<DebugPorts>;
  readonly #closers: (() => unknown)[] = [];
  #stop = new AbortController();
  #running: Promise<void> = Promise.resolve();
  readonly #client: ReturnType<typeof connectControlPlane>;

  private constructor(
    plane: EmbeddedControlPlane,
    client: ReturnType<typeof connectControlPlane>,
    identity: MachineIdentity,
    dir: string,
    change: Partial<DebugPorts>,
  ) {
    this.plane = plane;
    this.#client = client;
    this.identity = identity;
    this.dir = dir;
    this.change = change;
  }

  static async set(change: Partial<DebugPorts> = {}): Promise<DebugStage> {
    const dir = await mkdtemp(join(tmpdir(), "debug-"));
    const plane = await EmbeddedControlPlane.listen();
    const { endpoint, caPem, serverName } = plane;
    const client = connectControlPlane({ endpoint, caPem, serverName, log: new CollectedLog() });
    const tokenFile = join(dir, "token");
    await writeFile(tokenFile, plane.issueJoinToken(APP));
    const identity = await register(client, joinTokenEvidence({ tokenFile }));
    const stage = new DebugStage(plane, client, identity, dir, change);
    await stage.#begin();
    return stage;
  }

  /** Where a connection makes a process that holds a terminal. */
  get terminalSocket(): string {
    return join(this.dir, "terminal.sock");
  }

  get recordingsDir(): string {
    return join(this.dir, "recordings");
  }

  /** Grants, as the plane does it, to this machine. */
  grant(order: Partial<GrantOrder> = {}): TerminalLine {
    const { machineId } = this.identity;
    return this.plane.debug.grant(APP, { machineId, user: "ada", grantedBy: "olga", idleMs: 600_000, ...order });
  }

  /** Grants, and sits down. */
  async open(order: Partial<GrantOrder> = {}, window = { columns: 80, rows: 24 }): Promise<Sitting> {
    const line = this.grant(order);
    const sitting = new Sitting(line, window);
    await this.plane.until(() => line.begun, { what: "the terminal to open" });
    return sitting;
  }

  /** What the agent says of a grant. */
  status(grantId: string) {
    return this.board.debugTerminals.get().find((status) => status.grantId === grantId);
  }

  async untilStatus(grantId: string, state: string): Promise<{ reason: string; message: string }> {
    const found = await this.board.debugTerminals.first(
      (all) => all.some((status) => status.grantId === grantId && status.state === state),
      AbortSignal.timeout(30_000),
    );
    const status = found?.find((one) => one.grantId === grantId);
    if (status === undefined) throw new Error(`${grantId} is not ${state}: ${JSON.stringify(this.status(grantId))}`);
    return status;
  }

  /** Control ends, and another one begins with what that left. */
  async restart(): Promise<void> {
    await this.#end();
    this.#run();
  }

  /** The chapter in this process ends as it ends with the process. */
  async stop(): Promise<void> {
    await this.#end();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#end();
    for (const close of this.#closers.toReversed()) await close();
    await this.#client[Symbol.asyncDispose]();
    await this.plane[Symbol.asyncDispose]();
    await rm(this.dir, { recursive: true, force: true });
  }

  async #begin(): Promise<void> {
    const log = this.log;
    const args = [PROGRAM, "terminal", "serve", "--debug-terminal-root=true"];
    const processes = new TerminalProcesses({ args, env: { PATH: process.env["PATH"] } }, log);
    const path = this.terminalSocket;
    const refused = (why: string): AgentError => new AgentError("test", why, { retryable: false });
    const listener = await listenUnix({ path, mode: 0o600, maxConnections: 64, refused }, (socket) =>
      processes.start(socket),
    );
    this.#closers.push(
      () => processes[Symbol.asyncDispose](),
      () => listener[Symbol.asyncDispose](),
    );
    this.board.identity.set(this.identity);
    this.#run();
  }

  #run(): void {
    this.#stop = new AbortController();
    const { signal } = this.#stop;
    const path = this.terminalSocket;
    const debug: DebugPorts = {
      plane: this.#client,
      host: askedTerminal({ sockets: { unprivileged: path, root: path }, seeItGone: processGone }),
      recordings: recordingFiles(this.recordingsDir),
      used: usedGrants(join(this.dir, "used.json")),
      signatures: grantSignatures,
      rootAllowed: true,
      ...this.change,
    };
    this.board.debugTerminals.set([]);
    this.board.desired.set(undefined);
    this.board.firstAssignment.set({ at: "looking" });
    this.#running = Promise.all([
      keepAssignment(
        { assignment: assignmentFile(join(this.dir, "assignment.json")), clock: systemClock(), log: this.log },
        this.board,
        { bootId: "boot-1" },
        { failed() {}, succeeded() {}, reconciled() {} },
        signal,
      ),
      keepTerminals({ debug, clock: systemClock(), log: this.log }, this.board, signal),
      this.#follow(signal),
    ]).then(() => undefined);
    this.#running.catch(() => undefined);
  }

  /** The desired state, as control's own stream brings it. */
  async #follow(signal: AbortSignal): Promise<void> {
    while (!signal.aborted)
      try {
        const stream = this.#client.attach(this.identity, HELLO, signal);
        for await (const message of stream.incoming)
          if (message.is === "desired") this.board.desired.set(message.state);
      } catch {
        await systemClock().sleep(50, signal);
      }
  }

  async #end(): Promise<void> {
    this.#stop.abort();
    await this.#running;
  }
}
