import { z } from "zod";
import { DEBUG_LIMITS } from "../../core/contract-limits.ts";
import type { Protocol } from "../../wire/protocol.ts";

/**
 * What goes between control and the process that holds a terminal. That process says hello first:
 * whoever accepted the connection for it has read nothing of it.
 */
export const TERMINAL: Protocol = {
  name: "terminal",
  answerer: "the terminal's process",
  version: 1,
  lineMaxBytes: 256 * 1024,
};

/** Output that control has not taken: beyond, the program waits. */
export const OUTPUT_CREDIT_BYTES = 128 * 1024;

const bytes = z.base64();
const size = z.int().min(1).max(DEBUG_LIMITS.windowCells);

export const ToTerminalProcess = z.discriminatedUnion("is", [
  z.strictObject({
    is: z.literal("open"),
    command: z.array(z.string()).max(DEBUG_LIMITS.commandWords),
    runAs: z.enum(["unprivileged", "root"]),
    columns: size,
    rows: size,
  }),
  z.strictObject({ is: z.literal("input"), data: bytes }),
  /** This much more output was taken. */
  z.strictObject({ is: z.literal("taken"), bytes: z.int().positive() }),
  z.strictObject({ is: z.literal("resize"), columns: size, rows: size }),
  z.strictObject({ is: z.literal("signal"), name: z.string() }),
  z.strictObject({ is: z.literal("end") }),
]);

export type ToTerminalProcess = z.infer<typeof ToTerminalProcess>;

export const FromTerminalProcess = z.discriminatedUnion("is", [
  /** `instance`: how systemd names the connection; "" without it. */
  z.strictObject({ is: z.literal("hello"), pid: z.int().positive(), instance: z.string() }),
  z.strictObject({ is: z.literal("started") }),
  z.strictObject({ is: z.literal("not-started"), because: z.string() }),
  z.strictObject({ is: z.literal("output"), data: bytes }),
  /** This much more input was taken. */
  z.strictObject({ is: z.literal("input-taken"), bytes: z.int().positive() }),
  /** The last message: all that it started is gone. */
  z.strictObject({ is: z.literal("exited"), exitCode: z.int(), signal: z.string() }),
]);

export type FromTerminalProcess = z.infer<typeof FromTerminalProcess>;
