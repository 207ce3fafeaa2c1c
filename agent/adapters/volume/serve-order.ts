import type { Readable, Writable } from "node:stream";
import { AgentError } from "../../core/errors.ts";
import type { VolumeOrder } from "../../core/volume/order.ts";
import type { Log } from "../../ports/log.ts";
import { openVolume } from "./open-volume.ts";
import { readOrderLine } from "./order-line.ts";
import { peerUid, requirePeer } from "./peer.ts";
import { type Answer, answerLine, readOrder } from "./protocol.ts";
import type { VolumeHost } from "./volume-host.ts";

export interface Connection {
  readonly input: Readable;
  readonly output: Writable;
  /** As the service manager names it. */
  readonly instance: string;
  /** Who may ask, beside root. */
  readonly allowedUser: string;
}

export type Served = { readonly opened: true } | { readonly opened: false; readonly failure: unknown };

/**
 * Answers one connection: one order, its steps as they happen, and how it ended. An order that has begun is carried out also if its asker is gone:
 * the next one takes the volume over. Never throws.
 */
export async function serveOrder(
  host: VolumeHost,
  { input, output, instance, allowedUser }: Connection,
  log: Log,
  signal: AbortSignal,
): Promise<Served> {
  // Whoever asked may be gone: that ends nothing here.
  output.on("error", () => undefined);
  const answer = (message: Answer): void => void output.write(answerLine(message));
  let order: VolumeOrder | undefined;
  try {
    await requirePeer(peerUid(instance), allowedUser);
    order = readOrder(await readOrderLine(input, signal));
    const volume = await openVolume(
      host,
      order,
      (step) => {
        log.info({ ...step }, "volume.step");
        answer({ is: "step", ...step });
      },
      signal,
    );
    log.info({ ...volume, steps: undefined }, "volume.opened");
    answer({ is: "opened", volume });
    return { opened: true };
  } catch (err) {
    log.warn({ err }, "volume.not-opened");
    answer(failed(err));
    return { opened: false, failure: err };
  } finally {
    if (order?.key.kind === "given") order.key.key.reveal().fill(0);
    output.end(() => input.destroy());
  }
}

function failed(err: unknown): Answer {
  const known = err instanceof AgentError;
  const message = err instanceof Error ? err.message : String(err);
  return { is: "failed", code: known ? err.code : "cache.failed", message, retryable: !known || err.retryable };
}
