import { type DesiredState, follows } from "../../core/desired-state.ts";
import { AgentError } from "../../core/errors.ts";
import { ageMs, type Instant } from "../../core/instant.ts";
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
  const acceptance = new Acceptance(ports, cells);
  try {
    for await (const message of stream.incoming) {
      onMessage();
      acceptance.take(message, signal);
      const pauseMs = pace.pauseMs(message.readMs ?? 0, ports.clock.now().monoMs);
      if (pauseMs === 0) continue;
      noteHaste(ports, cells);
      await ports.clock.sleep(pauseMs, signal);
    }
  } finally {
    acceptance.show();
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

/**
 * What was accepted is shown to the chapters at the end of the event loop's turn: of fifty builds
 * that are opened at once they hear a few times, not fifty, and a lone one waits for nothing.
 */
class Acceptance {
  readonly #ports: AttachPorts;
  readonly #cells: AttachCells;
  #accepted: Accepted | undefined;

  constructor(ports: AttachPorts, cells: AttachCells) {
    this.#ports = ports;
    this.#cells = cells;
  }

  take(message: FromPlane, signal: AbortSignal): void {
    switch (message.is) {
      case "desired":
        return this.#takeDesired(message.state, signal);
      case "malformed":
        return this.#refuse(message.revision, message.because);
      case "records-ack":
        return this.#ports.records.acknowledge(message.bootId, message.upToSequence);
      case "other":
        return;
      default:
        return message satisfies never;
    }
  }

  /** Each is judged by the one before it, shown or not. */
  #takeDesired(state: DesiredState, signal: AbortSignal): void {
    const { clock, meters } = this.#ports;
    const first = this.#cells.firstAssignment.get();
    const inForce = this.#accepted?.state ?? this.#cells.desired.get();
    const acceptance = follows(state, inForce, first.at === "kept" ? first.assignment : undefined);
    if (!acceptance.accepted) return this.#refuse(state.revision, acceptance.because);
    meters.planeAttached(true);
    const isDue = this.#accepted !== undefined;
    const { heartbeatMs } = state;
    this.#accepted = { state: acceptance.repeat && inForce ? inForce : state, heartbeatMs, at: clock.now() };
    if (!isDue) void clock.sleep(0, signal).then(() => this.show());
  }

  #refuse(revision: bigint, because: string): void {
    // What was accepted before it is told before it.
    this.show();
    const { log, meters } = this.#ports;
    log.warn({ revision, because }, "desired-state.refused");
    meters.messageRefused("desired-state");
    this.#cells.plane.update((view) => ({
      ...view,
      refused: { revision, because },
      messagesRefused: view.messagesRefused + 1,
    }));
  }

  /** Also what came last before the stream ended: its end is told after it. */
  show(): void {
    if (this.#accepted === undefined) return;
    const { state, heartbeatMs, at } = this.#accepted;
    this.#accepted = undefined;
    const { desired, plane } = this.#cells;
    const { log } = this.#ports;
    if (!plane.get().attached) log.info({ revision: state.revision }, "control-plane.attached");
    if (desired.get() !== state) {
      log.info({ revision: state.revision, openBuilds: state.grants.size }, "desired-state.accepted");
      desired.set(state);
    }
    plane.update(({ messagesRefused, time, recordsSentAt, hastyAt, heardAt = at }) => ({
      attached: true,
      confirmedAt: at,
      heardAt,
      lastFailure: "",
      messagesRefused,
      ...(time && { time }),
      ...(recordsSentAt && { recordsSentAt }),
      ...(hastyAt && { hastyAt }),
      ...(heartbeatMs !== undefined && { heartbeatMs }),
    }));
  }
}

/** The state that the chapters are to see, and when it was last confirmed. */
interface Accepted {
  readonly state: DesiredState;
  readonly heartbeatMs: number | undefined;
  readonly at: Instant;
}
