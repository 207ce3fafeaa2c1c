import type { Socket } from "node:net";
import type { TimedStep } from "../../core/volume/order.ts";
import type { Log } from "../../ports/log.ts";
import { on, type Served, type Serving, serve } from "../../wire/serve.ts";
import { openVolume } from "./open-volume.ts";
import { OPEN, orderFromWire, VOLUME } from "./protocol.ts";
import type { VolumeHost } from "./volume-host.ts";

/**
 * Answers one connection: one order, its steps as they happen, and how it ended. An order that has
 * begun is carried out also if its asker is gone: the next one takes the volume over. Never throws.
 */
export function serveOrder(
  host: VolumeHost,
  socket: Socket,
  log: Log,
  serving: Pick<Serving, "admit" | "signal">,
): Promise<Served> {
  const open = on(OPEN, async (wire, signal, step) => {
    const order = orderFromWire(wire);
    const tell = (done: TimedStep): void => {
      log.info({ ...done }, "volume.step");
      step({ is: "step", ...done });
    };
    try {
      const volume = await openVolume(host, order, tell, signal);
      log.info({ ...volume, steps: undefined }, "volume.opened");
      return { is: "opened", volume };
    } finally {
      if (order.key.kind === "given") order.key.key.reveal().fill(0);
    }
  });
  return serve(VOLUME, [open], socket, { ...serving, onFailure: (err) => log.warn({ err }, "volume.not-opened") });
}
