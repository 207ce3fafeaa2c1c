import type { Socket } from "node:net";
import type { Person, TerminalLine } from "../control-plane/debug/terminal-line.ts";
import type { Stack } from "../stack/stack.ts";
import { fromPerson, onLines, sendLine } from "./debug-wire.ts";
import type { AdminRequest } from "./request.ts";
import { GoesOn } from "./server.ts";

type DebugRequest = Extract<AdminRequest, { verb: `debug-${string}` }>;

/** A person whose connection breaks may come back for this long. */
const AWAY_MS = 60_000;

export async function answerOfDebug(stack: Stack, request: DebugRequest): Promise<unknown> {
  const { debug } = stack.plane;
  const { machineId } = stack;
  switch (request.verb) {
    case "debug-grant": {
      const { org, project, user, command, root, idleMs, totalMs } = request;
      const idle = idleMs === undefined ? {} : { idleMs };
      const order = { machineId, user, grantedBy: `owner of ${org}`, command, root, totalMs, ...idle };
      return { grantId: debug.grant({ org, project }, order).grantId };
    }
    case "debug-attach": {
      const line = debug.terminals.all().find(({ grantId }) => grantId === request.grantId);
      if (line === undefined) throw new Error(`There is no debug grant ${request.grantId}: debug list has them.`);
      const refused = refusalOf(stack, line);
      if (refused !== undefined) throw new Error(refused);
      return new GoesOn({ grantId: line.grantId }, (socket) => sitDown(line, request, socket));
    }
    case "debug-list":
      return debug.terminals.all().map((line) => {
        const recording = debug.recordings.all().find(({ grantId }) => grantId === line.grantId);
        return { ...statusOf(stack, line), ...(recording !== undefined && { recordingId: recording.recordingId }) };
      });
    case "debug-withdraw":
      await debug.withdraw(request, request.grantId).applied();
      return { grantId: request.grantId };
    default:
      return request satisfies never;
  }
}

interface Status {
  readonly grantId: string;
  readonly state: string;
  readonly reason: string;
  readonly message: string;
}

const STATES = ["unknown", "waiting", "open", "ended", "refused"];

/** As the machine tells it, or as we know it where it does not. */
function statusOf({ plane, machineId }: Stack, line: TerminalLine): Status {
  const observed = plane.machines().find(({ id }) => id === machineId)?.observed;
  const told = observed?.debugTerminals.find(({ grantId }) => grantId === line.grantId);
  if (line.exited !== undefined) {
    const { reason, message } = line.exited;
    return { grantId: line.grantId, state: "ended", reason, message };
  }
  const { state = 0, reason = "", message = "" } = told ?? {};
  return { grantId: line.grantId, state: STATES[state] ?? "unknown", reason, message };
}

function refusalOf(stack: Stack, line: TerminalLine): string | undefined {
  const { state, reason, message } = statusOf(stack, line);
  if (state === "ended") return `The terminal of ${line.grantId} has ended: ${message} A new grant opens another one.`;
  return state === "refused" ? `The machine refuses ${line.grantId} (${reason}): ${message}` : undefined;
}

function sitDown(
  line: TerminalLine,
  { user, columns, rows }: { readonly user: string; readonly columns: number; readonly rows: number },
  socket: Socket,
): void {
  const person: Person = {
    ...{ user, columns, rows },
    show: (output) => sendLine(socket, { is: "output", data: Buffer.from(output).toString("base64") }),
    exited: ({ exitCode, signal, reason, message, recordingId }) => {
      void sendLine(socket, { is: "exited", exitCode, signal, reason, message, recordingId }).then(() => socket.end());
    },
  };
  let typed = Promise.resolve();
  onLines(socket, fromPerson, (message) => {
    if (message.is === "resize") return line.resize(message.columns, message.rows);
    socket.pause();
    typed = typed.then(() => line.type(Buffer.from(message.data, "base64"))).then(() => void socket.resume());
    return undefined;
  });
  socket.on("end", () => socket.end());
  socket.once("close", () => {
    line.stand(person);
    setTimeout(() => {
      if (line.person === undefined) line.end();
    }, AWAY_MS).unref();
  });
  line.sit(person);
  socket.resume();
}
