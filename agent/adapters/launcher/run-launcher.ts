import { mkdir } from "node:fs/promises";
import type { Socket } from "node:net";
import { dirname } from "node:path";
import { AgentError } from "../../core/errors.ts";
import { eitherOf } from "../../lifecycle/deadline.ts";
import type { Pulse } from "../../lifecycle/pulse.ts";
import { Scope } from "../../lifecycle/scope.ts";
import type { Clock } from "../../ports/clock.ts";
import type { Log } from "../../ports/log.ts";
import { listenUnix } from "../../wire/listener.ts";
import { Child, type ChildCommand } from "./child.ts";
import { HandedSocket } from "./handed-socket.ts";
import { keepChild } from "./keep-child.ts";
import { keepGateways } from "./keep-gateways.ts";
import { KeptSocket } from "./kept-socket.ts";
import { parentGone } from "./parent-gone.ts";
import { type Managed, serveVerbs } from "./serve-verbs.ts";
import { TerminalProcesses } from "./terminal-processes.ts";

export interface LauncherConfig {
  readonly managerSocket: string;
  /** Whoever carries out orders for the builds' network, where they have one. */
  readonly network?: {
    readonly socketPath: string;
    /** Answers one connection. Never rejects. */
    readonly serve: (socket: Socket, signal: AbortSignal) => Promise<unknown>;
  };
  /** What holds debug terminals, a process each; absent: this machine gives none. */
  readonly terminal?: { readonly socketPath: string } & ChildCommand;
  readonly gateway: ChildCommand & {
    /**
     * Port 0: any free one, the same at each restart. `fd`: a listening socket that we were given
     * ourselves.
     */
    readonly listen: { readonly host: string; readonly port: number } | { readonly fd: number };
    /** Where it is written how each run ended. */
    readonly endFile: string;
    /** Their sockets for control, one for each that there may be while one is replaced. */
    readonly sockets: readonly string[];
  };
  readonly control: ChildCommand & { readonly endFile: string };
  /**
   * A gateway or control whose event loop has not turned for so long is killed, and started again.
   */
  readonly hungAfterMs: number;
  /** Our own. */
  readonly env: NodeJS.ProcessEnv;
  /**
   * Exit codes of control that end the launcher with the same code: starting again would not help.
   * 0 always does.
   */
  readonly finalExitCodes: readonly number[];
  /**
   * How long control may take to end once it was told: its drain, and what follows. Then it is
   * killed.
   */
  readonly controlGraceMs: number;
  /** How long buildkitd may take to stop, if control has not stopped it. */
  readonly buildkitGraceMs: number;
}

export interface LauncherParts extends Managed {
  readonly clock: Clock;
  readonly log: Log;
}

/** The end of our own parent, where it holds our stdin, counts as `stop` and `hurry`. */
export interface LauncherEnding {
  /** End in order: SIGTERM. */
  readonly stop: AbortSignal;
  /** A second SIGTERM: passed on to control, whose business it is to shorten. */
  readonly hurry: AbortSignal;
  /** SIGHUP: passed on to gateway and control. */
  readonly again: Pulse;
  /** SIGUSR2: another gateway takes the place of the one that serves. */
  readonly replace: Pulse;
}

/** The gateway has nothing to do at its end: control has cut every session before. */
const GATEWAY_GRACE_MS = 5_000;
/** Of a control that had to be killed, or could not be started. */
const EXIT_SOFTWARE = 70;

/**
 * The service manager of a machine without systemd: keeps gateway and control running, and carries
 * out the fixed verbs for BuildKit and tailscaled. It ends when it is told to or when control has
 * ended for good; always in the order control (which drains, cuts and stops BuildKit through us),
 * gateway, what is left of BuildKit. Returns the exit code: control's. Our own SIGTERM kills
 * control only where it has no handler: before it has begun anything, or when all is done and Node
 * is on its way out; both are 0.
 * @throws {AgentError} "launcher.already-running", "gateway.cannot-listen"
 */
export async function runLauncher(
  config: LauncherConfig,
  parts: LauncherParts,
  ending: LauncherEnding,
): Promise<number> {
  const { buildkit, clock, log } = parts;
  const gone = parentGone(config.env);
  const stop = eitherOf(ending.stop, gone);
  const hurry = eitherOf(ending.hurry, gone);
  await using scope = new Scope();
  const done = new AbortController();
  await mkdir(dirname(config.managerSocket), { recursive: true, mode: 0o700 });
  const open = async (path: string, act: (socket: Socket) => void): Promise<void> => {
    const listener = scope.own(await listenUnix(ownUser(path), act));
    listener.onError((err) => log.warn({ err }, "launcher.not-accepted"));
  };
  await open(config.managerSocket, (socket) => void serveVerbs(parts, socket, log, done.signal));
  const { network } = config;
  if (network !== undefined) await open(network.socketPath, (socket) => void network.serve(socket, done.signal));
  const { terminal } = config;
  if (terminal !== undefined) {
    const processes = scope.own(new TerminalProcesses(terminal, log));
    await open(terminal.socketPath, (socket) => processes.start(socket));
  }
  scope.defer(() => done.abort());

  const { hungAfterMs } = config;
  const { listen } = config.gateway;
  const socket = "fd" in listen ? new KeptSocket(listen.fd) : new HandedSocket(listen.host, listen.port);
  const startGateway = (seat: number, isBeside: boolean): Promise<Child> =>
    socket.hand((listeningFd) =>
      Child.start(config.gateway, { listeningFd, more: seatVariables(seat, isBeside), hungAfterMs }),
    );
  // The first time, an address that cannot be had ends the launcher: somebody must be told.
  let first: Child | undefined = await startGateway(1, false);
  log.info(socket.where, "launcher.started");

  const gatewayEnd = new AbortController();
  const gateways = keepGateways(
    {
      start: async (seat, isBeside) => {
        const started = first ?? (await startGateway(seat, isBeside));
        first = undefined;
        return started;
      },
      endFile: config.gateway.endFile,
      sockets: config.gateway.sockets,
      hungAfterMs,
    },
    ending.replace,
    {
      again: ending.again,
      end: gatewayEnd.signal,
      hurry,
      kill: after(gatewayEnd.signal, GATEWAY_GRACE_MS, clock, done.signal),
    },
    parts,
  );
  const exit = await keepChild(
    {
      name: "control",
      start: async () => Child.start(config.control, { hungAfterMs }),
      isFinal: ({ code }) => code === 0 || (code !== undefined && config.finalExitCodes.includes(code)),
      endFile: config.control.endFile,
      hungAfterMs,
    },
    { again: ending.again, end: stop, hurry, kill: after(stop, config.controlGraceMs, clock, done.signal) },
    parts,
  );

  log.info({ ...exit, asked: stop.aborted }, "launcher.ending");
  gatewayEnd.abort();
  await gateways;
  socket.close();
  await buildkit.stop(config.buildkitGraceMs, hurry);
  return exit?.code ?? (stop.aborted && exit?.signal === "SIGTERM" ? 0 : EXIT_SOFTWARE);
}

/** A gateway that is alone is started as ever. */
function seatVariables(seat: number, isBeside: boolean): NodeJS.ProcessEnv {
  return isBeside ? { BUILDER_AGENT_SEAT: String(seat) } : {};
}

/** Control has two connections at a time; a person may look on. */
function ownUser(path: string) {
  const refused = (why: string, cause?: unknown): AgentError =>
    new AgentError("launcher.already-running", `The launcher cannot have its socket: ${why}`, {
      retryable: false,
      cause,
    });
  return { path, mode: 0o600, maxConnections: 16, refused };
}

/**
 * Aborted `ms` after `begin`, unless `over` is first. The wait begins before anything that listens
 * to `begin` later than this.
 */
function after(begin: AbortSignal, ms: number, clock: Clock, over: AbortSignal): AbortSignal {
  const reached = new AbortController();
  const wait = async (): Promise<void> => {
    await clock.sleep(ms, over);
    if (!over.aborted) reached.abort();
  };
  if (begin.aborted) void wait();
  else begin.addEventListener("abort", () => void wait(), { once: true });
  return reached.signal;
}
