import { once } from "node:events";
import { createConnection } from "node:net";
import { createInterface } from "node:readline";

/** @typedef {{ id?: string, return?: unknown, error?: { desc: string } }} Message */

/**
 * Gives QEMU one order and waits for the answer.
 * @param {string} socket
 * @param {string} order "system_powerdown", "quit"; "human-monitor-command" for savevm and its
 *   like.
 * @param {{ orderArguments?: Readonly<Record<string, unknown>>, signal: AbortSignal }} how
 * @returns {Promise<unknown>} What QEMU returns. @throws {Error} if QEMU refuses, is gone, or the
 * signal comes first.
 */
export async function askQemu(socket, order, { orderArguments = {}, signal }) {
  const connection = createConnection(socket);
  const closeOnAbort = () => connection.destroy();
  signal.addEventListener("abort", closeOnAbort, { once: true });
  try {
    await once(connection, "connect", { signal });
    connection.write(
      `{"execute":"qmp_capabilities"}\n${JSON.stringify({ execute: order, arguments: orderArguments, id: order })}\n`,
    );
    for await (const line of createInterface({ input: connection })) {
      // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- as QEMU documents it.
      const message = /** @type {Message} */ (JSON.parse(line));
      if (message.error) throw new Error(`QEMU refused ${order}: ${message.error.desc}`);
      if (message.id === order) return message.return;
    }
    signal.throwIfAborted();
    throw new Error(`QEMU went away before it answered ${order}`);
  } finally {
    signal.removeEventListener("abort", closeOnAbort);
    connection.destroy();
  }
}
