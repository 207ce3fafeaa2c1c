import { DEBUG_LIMITS } from "../../core/contract-limits.ts";
import { Asciicast } from "../../core/debug/asciicast.ts";
import { type DebugGrant, type DebugStatus, type EndReason, endInWords } from "../../core/debug/grant.ts";
import { sameData } from "../../core/equality.ts";
import { inWords } from "../../core/errors.ts";
import { aborted, Branch, firstOf, within } from "../../lifecycle/branch.ts";
import type { Clock } from "../../ports/clock.ts";
import type { DebugPorts, FromTerminal, HeldTerminal, Recording } from "../../ports/debug-terminal.ts";
import type { Log } from "../../ports/log.ts";
import { type Dialled, dial } from "./dial.ts";
import type { DebugCells } from "./keep-terminals.ts";
import { OpenTerminal } from "./open-terminal.ts";
import { stayConnected } from "./stay-connected.ts";
import type { Uploads } from "./uploads.ts";

export interface HoldPorts {
  readonly debug: DebugPorts;
  readonly uploads: Uploads;
  readonly clock: Clock;
  readonly log: Log;
}

type Tell = (status: Omit<DebugStatus, "grantId">) => void;

/** For a last message to arrive. */
const HEARD_MS = 2_000;
/** A program's last words, after it has ended. */
const LAST_OUTPUT_MS = 2_000;

/** One grant: from the dial to the end of all that its terminal started. */
export async function holdTerminal(
  ports: HoldPorts,
  cells: DebugCells,
  grant: DebugGrant,
  tell: Tell,
  signal: AbortSignal,
): Promise<void> {
  const { grantId, user } = grant;
  const ended = (reason: string, message: string): void => {
    ports.log.info({ grantId, user, reason }, "debug-terminal.ended");
    tell({ state: "ended", reason, message });
  };
  tell({ state: "waiting", reason: "", message: `Waits for ${user}` });
  ports.log.info({ grantId, user, grantedBy: grant.grantedBy, runAs: grant.runAs }, "debug-terminal.waiting");
  using wanted = new Branch(signal);
  const waiting = { grantId, columns: 0, rows: 0, resumed: false, outputFrom: 0, inputTaken: 0, recordingId: "" };
  const startInMs = Math.min(grant.startBeforeMs, grant.endsAtMs) - ports.clock.now().wallMs;
  let dialled: Dialled | undefined;
  // What the dial holds must outlive the race, and nothing else of it.
  await within(ports.clock, startInMs, signal, (limit) =>
    firstOf(
      limit,
      (one) => until(() => whyNotBegun(cells, grant), cells, one).then(() => dialled === undefined && wanted.abort()),
      async (one) => {
        dialled = await dial(ports, cells.identity, () => waiting, wanted.signal, one);
      },
    ),
  );
  if (dialled === undefined) {
    const why = whyNotBegun(cells, grant);
    if (why === undefined) return ended("expired", "Nobody came in the time that the grant gave.");
    return ended(why, endInWords(why));
  }
  const came = dialled;
  const begun = await begin(ports, grant, came.attached, signal);
  if ("reason" in begun) {
    const { reason } = begun;
    const message = endInWords(reason);
    const exited = { is: "exited", exitCode: -1, signal: "", reason, recordingId: "", message } as const;
    await came.stream.send(exited).catch(() => undefined);
    came.stream.finish();
    await within(ports.clock, HEARD_MS, signal, (limit) => untilClosed(came, limit));
    came.hangUp();
    return ended(reason, message);
  }
  tell({ state: "open", reason: "", message: `${user} is at it` });
  ports.log.info({ grantId, user, recordingId: begun.recording.recordingId }, "debug-terminal.opened");
  const terminal = new OpenTerminal(ports, grant, begun);
  await terminal.welcome();
  await run(ports, cells, terminal, came, wanted.signal, () => ended(terminal.reason.get() ?? "", terminal.message));
}

interface Begun {
  readonly held: HeldTerminal;
  readonly recording: Recording;
  readonly cast: Asciicast;
  readonly columns: number;
  readonly rows: number;
}

/** The grant is used from here on, whatever comes. */
async function begin(
  { debug, clock, log, uploads }: HoldPorts,
  grant: DebugGrant,
  attached: Extract<FromTerminal, { is: "attached" }>,
  signal: AbortSignal,
): Promise<Begun | { readonly reason: EndReason }> {
  const { grantId } = grant;
  const [columns, rows] = [cells(attached.columns), cells(attached.rows)];
  try {
    await debug.used.add(grantId);
  } catch (err) {
    log.error({ err, grantId }, "debug-terminal.not-started");
    return { reason: "not-started" };
  }
  if (attached.user !== grant.user) {
    log.warn({ grantId, user: grant.user, came: attached.user.slice(0, 256) }, "debug-terminal.other-person");
    return { reason: "other-person" };
  }
  const now = clock.now();
  const cast = new Asciicast(now.monoMs);
  let recording: Recording;
  try {
    const title = `debug terminal ${grantId}`;
    recording = await debug.recordings.begin(
      `rec-${grantId}`,
      cast.header({ columns, rows, title, wallMs: now.wallMs }),
    );
  } catch (err) {
    log.error({ err, grantId }, "debug-terminal.not-recorded");
    return { reason: "not-recorded" };
  }
  uploads.add(recording, signal);
  try {
    const held = await debug.host.open({ command: grant.command, runAs: grant.runAs, columns, rows }, signal);
    return { held, recording, cast, columns, rows };
  } catch (err) {
    log.error({ err, grantId }, "debug-terminal.not-started");
    await recording
      .end(cast.end(`It was not started: ${inWords(err)}`, -1, clock.now().monoMs))
      .catch((failure: unknown) => log.error({ err: failure, grantId }, "recording.failed"));
    return { reason: "not-started" };
  }
}

async function untilClosed({ rest }: Dialled, signal: AbortSignal): Promise<void> {
  const read = async (): Promise<void> => {
    while ((await rest.next()).done !== true);
  };
  await Promise.race([read().catch(() => undefined), aborted(signal, signal)]);
}

function cells(count: number): number {
  return Math.min(Math.max(1, count), DEBUG_LIMITS.windowCells);
}

/**
 * Until the shell, the grant, the person, the recording or this machine ends it. `closed` is called
 * once all that it started is gone, and before the last of it has been heard.
 */
async function run(
  ports: HoldPorts,
  cells: DebugCells,
  terminal: OpenTerminal,
  dialled: Dialled,
  signal: AbortSignal,
  closed: () => void,
): Promise<void> {
  const { clock, uploads } = ports;
  const { grant, recording } = terminal;
  using over = new Branch(new AbortController().signal);
  const end = (reason: EndReason): void => terminal.end(reason);
  const connected = stayConnected(ports, cells.identity, terminal, dialled, over.signal);
  const pumped = terminal.pump(over.signal);
  const untilLost = (one: AbortSignal): Promise<void> =>
    uploads.untilLost(recording, () => terminal.connectedSinceMonoMs, one);
  // In two parts: Node warns of more than ten listeners of one signal.
  await firstOf(
    over.signal,
    (both) =>
      firstOf(
        both,
        (one) => terminal.reason.first((reason) => reason !== undefined, one),
        (one) => terminal.untilExited(one).then((how) => one.aborted || end(how)),
        (one) => terminal.untilIdle(one).then(() => one.aborted || end("idle")),
        (one) => terminal.untilDrained(cells.terminalsEnd, one).then(() => one.aborted || end("stopping")),
      ),
    (both) =>
      firstOf(
        both,
        (one) => aborted(signal, one).then(() => one.aborted || end("stopping")),
        (one) =>
          until(() => whyUnwanted(cells, grant), cells, one).then(
            (reason) => reason === undefined || one.aborted || end(reason),
          ),
        (one) => clock.sleep(grant.endsAtMs - clock.now().wallMs, one).then(() => one.aborted || end("grant-ended")),
        (one) => untilLost(one).then(() => one.aborted || end("recording-failed")),
      ),
  );
  await terminal.kill();
  await within(clock, LAST_OUTPUT_MS, over.signal, (limit) => Promise.race([pumped, aborted(limit, over.signal)]));
  await terminal.close();
  closed();
  await connected;
  over.abort();
  await pumped;
}

type Unwanted = "grant-withdrawn" | "stopping" | undefined;

/** Why it may be no longer; undefined while it may. */
function whyUnwanted({ desired, phase }: DebugCells, grant: DebugGrant): Unwanted {
  if (phase.get().at === "stopping") return "stopping";
  const wish = desired.get()?.debugGrants.find(({ grantId }) => grantId === grant.grantId);
  // Another grant under the same id is none.
  return wish?.is === "grant" && sameData(wish.grant, grant) ? undefined : "grant-withdrawn";
}

/** Why it may not begin any more: a machine that drains opens no new terminal. */
function whyNotBegun(cells: DebugCells, grant: DebugGrant): Unwanted {
  return cells.phase.get().at === "draining" ? "stopping" : whyUnwanted(cells, grant);
}

async function until(why: () => Unwanted, { desired, phase }: DebugCells, outer: AbortSignal): Promise<Unwanted> {
  await firstOf(
    outer,
    (one) => phase.first(() => why() !== undefined, one),
    (one) => desired.first(() => why() !== undefined, one),
  );
  return why();
}
