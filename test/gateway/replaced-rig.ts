import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { connect as connectPlain } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect, type TLSSocket } from "node:tls";
import { inspect } from "node:util";
import { systemClock } from "../../agent/adapters/clock/system-clock.ts";
import { HandedSocket } from "../../agent/adapters/launcher/handed-socket.ts";
import { connectToGateways } from "../../agent/adapters/link/gateways.ts";
import { openRecords } from "../../agent/adapters/records/open-records.ts";
import { layoutOf } from "../../agent/cli/layout.ts";
import { type Board, newBoard } from "../../agent/control/board/board.ts";
import { SessionInbox } from "../../agent/control/board/session-inbox.ts";
import { keepRecords } from "../../agent/control/keep-records.ts";
import { watchGateway } from "../../agent/control/watch-gateway/watch-gateway.ts";
import type { Grant } from "../../agent/core/allow-set.ts";
import type { SessionSummary } from "../../agent/core/session.ts";
import { certifying, type GatewayHere } from "../../agent/core/views.ts";
import { onChange } from "../../agent/lifecycle/cell.ts";
import type { Gateway } from "../../agent/ports/gateway.ts";
import { CertificateAuthority, type CertificateWithKey } from "../../sandbox/pki/certificate-authority.ts";
import { inTree } from "../../sandbox/stack/tree.ts";
import { MAIN } from "../cli/agent-process.ts";
import { NO_METERS, NO_REPORT } from "../control/stand-ins.ts";
import { FarEnd } from "./far-end.ts";
import { grantFor, TRUST_DOMAIN, uriOf } from "./rig.ts";
import { WatchedLog } from "./watched-log.ts";

const KEEPER = inTree("tools/image/deb/files/keep-gateway");

/** Real gateway processes on one inherited socket, and control's own chapters that watch them. */
export class ReplacedRig implements AsyncDisposable {
  readonly ca: CertificateAuthority;
  readonly far: FarEnd;
  readonly log = new WatchedLog();
  get port(): number {
    return this.#socket.where.port;
  }
  /** Every record that came to disk, in its order. */
  readonly records: SessionSummary[] = [];
  control: TestControl;
  /** What the keeper and its gateways said on their standard error. */
  complaints = "";
  readonly #dir: string;
  readonly #socket: HandedSocket;
  readonly #gateways = new Set<ChildProcess>();
  readonly #clients = new Set<TLSSocket>();
  readonly #seats = new Map<number, ChildProcess>();
  readonly #watchdogMs: number | undefined;
  /** Starts the gateways itself, as the unit's main process does; its limit is the watchdog's. */
  keeper: ChildProcess | undefined;
  #revision = 0n;
  #grants = new Map<string, Grant>();

  private constructor(
    dir: string,
    ca: CertificateAuthority,
    far: FarEnd,
    socket: HandedSocket,
    control: TestControl,
    watchdogMs?: number,
  ) {
    this.#watchdogMs = watchdogMs;
    this.#dir = dir;
    this.ca = ca;
    this.far = far;
    this.#socket = socket;
    this.control = control;
  }

  /** @param keptWithinMs A keeper starts the gateways, and kills those that hang for so long. */
  static async start({ keptWithinMs }: { readonly keptWithinMs?: number } = {}): Promise<ReplacedRig> {
    const dir = await mkdtemp(join(tmpdir(), "replaced-"));
    for (const each of ["gateway", "buildkit"]) await mkdir(join(dir, "run", each), { recursive: true });
    const ca = await CertificateAuthority.create({ name: "build CA" });
    const far = await FarEnd.listen(join(dir, "run", "buildkit", "buildkitd.sock"));
    const socket = new HandedSocket("127.0.0.1", 0);
    const records: SessionSummary[] = [];
    const control = await TestControl.start(dir, ca, records);
    const rig = new ReplacedRig(dir, ca, far, socket, control, keptWithinMs);
    rig.records.length = 0;
    rig.control.records = rig.records;
    rig.allow(["b1"]);
    await rig.replace();
    return rig;
  }

  allow(builds: readonly string[]): void {
    this.#revision += 1n;
    this.#grants = new Map(builds.map((build) => [build, grantFor(build)]));
    this.#order();
  }

  /** Starts one more gateway; resolves when control says that it serves. Its run. */
  async replace(): Promise<{ readonly runId: string; readonly process: ChildProcess }> {
    const before = this.control.view?.runId;
    const process = await this.begin();
    const view = await this.control.until((now) => now.at === "here" && now.runId !== before && now.listening);
    return { runId: view.runId, process };
  }

  /** Starts one more gateway, as the launcher does, or has the keeper start it. */
  async begin(): Promise<ChildProcess> {
    if (this.keeper !== undefined) {
      this.keeper.kill("SIGUSR2");
      return this.keeper;
    }
    let seat = 1;
    while (this.#seats.has(seat)) seat += 1;
    const isBeside = this.#seats.size > 0;
    const env = {
      PATH: process.env["PATH"],
      LISTEN_FDS: "1",
      BUILDER_AGENT_PATHS_RUNTIME_DIR: join(this.#dir, "run"),
      BUILDER_AGENT_PATHS_STATE_DIR: join(this.#dir, "state"),
      BUILDER_AGENT_GATEWAY_CALLS: "any",
      ...(isBeside && { BUILDER_AGENT_SEAT: String(seat) }),
    };
    const program = [process.execPath, MAIN, "gateway"];
    const isKept = this.#watchdogMs !== undefined;
    const [file = "", ...args] = isKept ? [KEEPER, join(this.#dir, "last-end"), ...program] : program;
    const watchdog = isKept ? { WATCHDOG_USEC: String(this.#watchdogMs * 1_000) } : {};
    const child = await this.#socket.hand((fd) =>
      spawn(file, args, { stdio: ["ignore", "ignore", isKept ? "pipe" : "inherit", fd], env: { ...env, ...watchdog } }),
    );
    child.stderr?.on("data", (words: Buffer) => (this.complaints += words.toString()));
    if (isKept) this.keeper = child;
    this.#gateways.add(child);
    this.#seats.set(seat, child);
    child.once("exit", () => {
      this.#gateways.delete(child);
      this.#seats.delete(seat);
    });
    return child;
  }

  issue(build: string): Promise<CertificateWithKey> {
    return this.ca.issue({ name: build, uriSans: [uriOf(build)] });
  }

  /** A client of a build that has seen one byte come back. */
  async client(build = "b1"): Promise<TLSSocket> {
    const { chainPem, keyPem } = await this.issue(build);
    const wire = connectPlain({ host: "127.0.0.1", port: this.port });
    wire.on("error", () => undefined);
    const socket = connect({ socket: wire, servername: "localhost", ca: this.ca.certPem, cert: chainPem, key: keyPem });
    this.#clients.add(socket);
    socket.on("error", () => undefined);
    socket.once("close", () => this.#clients.delete(socket));
    await echoed(socket, Buffer.from("?"));
    return socket;
  }

  /** Control ends, as a process does, and starts again on the same journal. */
  async restartControl(meanwhile: () => Promise<unknown> = async () => undefined): Promise<void> {
    await this.control.stop();
    await meanwhile();
    this.control = await TestControl.start(this.#dir, this.ca, this.records);
    this.#order();
  }

  /** Resolves when every session has its record. */
  async settled(sessions: number): Promise<readonly string[]> {
    const deadline = Date.now() + 20_000;
    while (this.records.length < sessions && Date.now() < deadline) await pause(20);
    return this.records.map(({ sessionId }) => sessionId);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const client of this.#clients) client.destroy();
    await this.control.stop();
    for (const child of [...this.#gateways]) {
      const gone = once(child, "exit");
      // A keeper takes its gateways along.
      child.kill(child === this.keeper ? "SIGTERM" : "SIGKILL");
      await gone;
    }
    this.#socket.close();
    await this.far[Symbol.asyncDispose]();
    await rm(this.#dir, { recursive: true, force: true });
  }

  #order(): void {
    this.control.gateway.allow({
      revision: this.#revision,
      epoch: "epoch",
      trustDomain: TRUST_DOMAIN,
      buildCas: [this.ca.certPem],
      grants: this.#grants,
      closed: new Map(),
      admission: { at: "open" },
      confirmedAt: systemClock().now(),
    });
  }
}

/** What control does with gateways, and a control plane that certifies whoever asks. */
class TestControl {
  records: SessionSummary[];
  readonly board = newBoard();
  readonly gateway: Gateway;
  readonly #over = new AbortController();
  #done: Promise<unknown> = Promise.resolve();

  private constructor(gateway: Gateway, records: SessionSummary[]) {
    this.gateway = gateway;
    this.records = records;
  }

  static async start(dir: string, ca: CertificateAuthority, records: SessionSummary[]): Promise<TestControl> {
    const [clock, log] = [systemClock(), new WatchedLog()];
    const { gatewaySockets } = layoutOf({ runtimeDir: join(dir, "run"), stateDir: dir, cacheDir: dir });
    const gateway = connectToGateways({ paths: gatewaySockets, clock, log });
    const control = new TestControl(gateway, records);
    const { board } = control;
    board.firstAssignment.set({ at: "none" });
    const { signal } = control.#over;
    const onRecord = (summary: SessionSummary): void => void control.records.push(summary);
    const store = await openRecords({ directory: join(dir, "records"), bootId: "boot", clock, log, onRecord });
    const inbox = new SessionInbox();
    const installed = { isOutdated: () => false };
    const troubles = { lastEnd: () => undefined };
    const ports = { gateway, records: store, troubles, installed, meters: NO_METERS, clock, log };
    control.#done = Promise.all([
      watchGateway(ports, inbox, board, signal),
      keepRecords({ records: store, gateway, clock, log }, inbox, board, NO_REPORT, signal),
      onChange([board.gateway, board.servingRequest], () => void certify(board, gateway, ca), signal),
    ]).then(() => store[Symbol.asyncDispose]());
    return control;
  }

  get view(): GatewayHere | undefined {
    const view = this.board.gateway.get();
    return view.at === "here" ? view : undefined;
  }

  async until(holds: (view: ReturnType<Board["gateway"]["get"]>) => boolean) {
    const deadline = AbortSignal.timeout(30_000);
    const view = await this.board.gateway.first(holds, deadline);
    if (view === undefined) throw new Error(`Control did not see it: ${inspect(this.board.gateway.get())}`);
    return view;
  }

  async stop(): Promise<void> {
    this.#over.abort();
    await this.#done;
  }
}

async function certify(board: Board, gateway: Gateway, ca: CertificateAuthority): Promise<void> {
  const view = board.gateway.get();
  const request = board.servingRequest.get();
  const key = view.at === "here" ? (view.next ?? view).uncertified : undefined;
  if (key === undefined || request?.spkiSha256 !== key) return;
  board.gateway.update((now) => certifying(now, key));
  const profile = { name: "gateway", dnsSans: ["localhost"], extendedKeyUsage: ["1.3.6.1.5.5.7.3.1"] };
  const { chainPem } = await ca.certify({ csrDer: request.der }, profile);
  gateway.certify(key, chainPem);
}

/** Sends bytes and gets the same back. @throws {Error} when the connection breaks before. */
export async function echoed(socket: TLSSocket, bytes: Buffer): Promise<void> {
  let got = Buffer.alloc(0);
  await new Promise<void>((resolve, reject) => {
    const broken = (): void => reject(new Error("The connection broke"));
    const read = (chunk: Buffer): void => {
      got = Buffer.concat([got, chunk]);
      if (got.length < bytes.length) return;
      socket.off("data", read).off("close", broken);
      if (got.equals(bytes)) resolve();
      else reject(new Error("Other bytes came back"));
    };
    socket.on("data", read).once("close", broken);
    if (socket.destroyed) broken();
    socket.write(bytes);
  });
}

/** However it ends. */
export function closed(socket: TLSSocket): Promise<void> {
  return new Promise((resolve) => socket.once("close", () => resolve()));
}

export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
