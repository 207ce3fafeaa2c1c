import { type DesiredState, follows } from "../../core/desired-state.ts";
import { AgentError } from "../../core/errors.ts";
import { ageMs } from "../../core/instant.ts";
import { MESSAGES_A_SECOND, type MessagePace } from "../../core/message-pace.ts";
import type { FromPlane, PlaneStream } from "../../ports/control-plane.ts";
import type { AttachCells, AttachPorts } from "./attach.ts";

/**
 * Reads what the control plane sends, and only notes it in memory: a revocation never waits for a
 * disk. One that says too much at a time waits to be read. Ends when the far end closes the stream,
 * or with `signal`. `onMessage` is called before each message is taken.
 * @throws {PlaneError} when the stream ends with a status.
 */
export async function receive(
  ports: AttachPorts,
  cells: AttachCells,
  { stream, pace }: { readonly stream: PlaneStream; readonly pace: MessagePace },
  onMessage: () => void,
  signal: AbortSignal,
): Promise<void> {
  for await (const message of stream.incoming) {
    onMessage();
    take(ports, cells, message);
    const pauseMs = pace.pauseMs(message.readMs ?? 0, ports.clock.now().monoMs);
    if (pauseMs === 0) continue;
    noteHaste(ports, cells);
    await ports.clock.sleep(pauseMs, signal);
  }
}

/** Between two notes of the same haste. */
const NOTED_EVERY_MS = 10_000;

function noteHaste({ clock, log }: AttachPorts, { plane }: AttachCells): void {
  const now = clock.now();
  const { hastyAt } = plane.get();
  if (hastyAt !== undefined && ageMs(hastyAt, now) < NOTED_EVERY_MS) return;
  plane.update((view) => ({ ...view, hastyAt: now }));
  const because = `The control plane says more than ${MESSAGES_A_SECOND} messages a second: the rest waits to be read`;
  log.warn({ err: new AgentError("control-plane.hasty", because, { retryable: true }) }, "control-plane.hasty");
}

function take(ports: AttachPorts, cells: AttachCells, message: FromPlane): void {
  switch (message.is) {
    case "desired":
      return takeDesired(ports, cells, message.state);
    case "malformed":
      return refuse(ports, cells, message.revision, message.because);
    case "records-ack":
      return ports.records.acknowledge(message.bootId, message.upToSequence);
    case "other":
      return;
    default:
      return message satisfies never;
  }
}

function takeDesired(ports: AttachPorts, cells: AttachCells, state: DesiredState): void {
  const first = cells.firstAssignment.get();
  const acceptance = follows(state, cells.desired.get(), first.at === "kept" ? first.assignment : undefined);
  if (!acceptance.accepted) return refuse(ports, cells, state.revision, acceptance.because);
  const now = ports.clock.now();
  if (!cells.plane.get().attached) ports.log.info({ revision: state.revision }, "control-plane.attached");
  ports.meters.planeAttached(true);
  if (!acceptance.repeat) {
    ports.log.info({ revision: state.revision, openBuilds: state.grants.size }, "desired-state.accepted");
    cells.desired.set(state);
  }
  const { heartbeatMs } = state;
  cells.plane.update(({ messagesRefused, time, recordsSentAt, hastyAt, heardAt = now }) => ({
    attached: true,
    confirmedAt: now,
    heardAt,
    lastFailure: "",
    messagesRefused,
    ...(time && { time }),
    ...(recordsSentAt && { recordsSentAt }),
    ...(hastyAt && { hastyAt }),
    ...(heartbeatMs !== undefined && { heartbeatMs }),
  }));
}

function refuse(ports: AttachPorts, cells: AttachCells, revision: bigint, because: string): void {
  ports.log.warn({ revision, because }, "desired-state.refused");
  ports.meters.messageRefused("desired-state");
  cells.plane.update((view) => ({
    ...view,
    refused: { revision, because },
    messagesRefused: view.messagesRefused + 1,
  }));
}
