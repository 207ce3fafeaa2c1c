import type { Socket } from "node:net";
import { z } from "zod";

const size = z.int().min(1).max(1_000);

/** What the person's side says, a line each. The end of the connection: they leave. */
export const fromPerson = z.discriminatedUnion("is", [
  z.object({ is: z.literal("input"), data: z.base64() }),
  z.object({ is: z.literal("resize"), columns: size, rows: size }),
]);

/** What they are shown. */
export const toPerson = z.discriminatedUnion("is", [
  z.object({ is: z.literal("output"), data: z.base64() }),
  z.object({
    is: z.literal("exited"),
    exitCode: z.int(),
    signal: z.string(),
    reason: z.string(),
    message: z.string(),
    recordingId: z.string(),
  }),
]);

export type ToPerson = z.output<typeof toPerson>;
export type FromPerson = z.output<typeof fromPerson>;

/** Resolves when the far end takes it, or is gone. */
export function sendLine(socket: Socket, message: ToPerson | FromPerson): Promise<void> {
  return new Promise((resolve) => {
    if (socket.destroyed) return resolve();
    socket.write(`${JSON.stringify(message)}\n`, () => resolve());
  });
}

/** Calls `take` with each message. What is none ends the connection. */
export function onLines<Message>(
  socket: Socket,
  schema: z.ZodType<Message>,
  take: (message: Message) => unknown,
): void {
  let begun = "";
  socket.on("data", (chunk: Buffer) => {
    const lines = (begun + chunk.toString("latin1")).split("\n");
    begun = lines.pop() ?? "";
    try {
      for (const line of lines) take(schema.parse(JSON.parse(line)));
    } catch (failure) {
      socket.destroy(failure instanceof Error ? failure : new Error("no message", { cause: failure }));
    }
  });
}
