import type { Socket } from "node:net";
import { constants } from "node:os";
import { resolve } from "node:path";
import { SANDBOX } from "../../admin/claim.ts";
import { askAndStay } from "../../admin/client.ts";
import { onLines, sendLine, type ToPerson, toPerson } from "../../admin/debug-wire.ts";
import { EXIT, SandboxFailure } from "../../failure.ts";
import { shellLine } from "../../stack/client-lines.ts";
import type { Terminal } from "../../terminal/terminal.ts";
import type { InDir } from "../builds.ts";

export type AttachOptions = InDir & { readonly user: string };

/** Ctrl-]. */
const LEAVE = 0x1d;
const ANSWER_MS = 15_000;
/** What a shell gives for a program that a signal ended is this much more than its number. */
const BY_SIGNAL = 128;

type Exited = Extract<ToPerson, { is: "exited" }>;

/**
 * Joins this terminal to that one: raw, so that Ctrl-C is the far program's, and of the same size.
 * Gives the far shell's exit code; 0 where the person left it.
 */
export async function attach(grantId: string, options: AttachOptions, terminal: Terminal): Promise<number> {
  const dir = resolve(options.dir);
  const { stdin, stdout } = process;
  const { columns, rows } = stdout.isTTY ? stdout : { columns: 80, rows: 24 };
  const request = { verb: "debug-attach", grantId, user: options.user, columns, rows };
  const { socket } = await askAndStay(SANDBOX, dir, request, ANSWER_MS);
  terminal.err(terminal.paint("dim", `Grant ${grantId}. Ctrl-] leaves the terminal; it goes on without you.`));
  const resize = (): void => void sendLine(socket, { is: "resize", columns: stdout.columns, rows: stdout.rows });
  if (stdin.isTTY) stdin.setRawMode(true);
  stdout.on("resize", resize);
  try {
    const how = await joined(socket);
    if (how === "left") {
      const again = ["npm", "run", "--silent", "sandbox", "--", "debug", "attach", "--dir", options.dir, grantId];
      terminal.err(`\r\nYou left. To come back:\r\n${shellLine(again)}\r`);
      return EXIT.ok;
    }
    return told(how, options.dir, terminal);
  } finally {
    stdout.off("resize", resize);
    if (stdin.isTTY) stdin.setRawMode(false);
    stdin.pause();
    socket.destroy();
  }
}

function told(exited: Exited, dir: string, terminal: Terminal): number {
  const { exitCode, signal, reason, message, recordingId } = exited;
  if (reason !== "") terminal.err(`\r\nThe terminal has ended (${reason}): ${message}\r`);
  if (recordingId !== "") {
    const play = ["npm", "run", "--silent", "sandbox", "--", "debug", "play", "--dir", dir, recordingId];
    terminal.err(`${terminal.paint("dim", `Recorded: ${shellLine(play)}`)}\r`);
  }
  if (reason !== "") return EXIT.unavailable;
  const number = Object.entries(constants.signals).find(([name]) => name === signal)?.[1];
  return number === undefined ? exitCode : BY_SIGNAL + number;
}

/** Until the far end has ended, or the person leaves. @throws when the sandbox is gone. */
function joined(socket: Socket): Promise<Exited | "left"> {
  const { stdin, stdout } = process;
  return new Promise((done, fail) => {
    onLines(socket, toPerson, (message) => {
      if (message.is === "exited") return done(message);
      // A terminal that is slow makes the far program wait.
      if (!stdout.write(Buffer.from(message.data, "base64"))) {
        socket.pause();
        stdout.once("drain", () => socket.resume());
      }
      return undefined;
    });
    socket.once("close", () => fail(new SandboxFailure(EXIT.unavailable, "The sandbox hung up.")));
    stdin.on("data", (keys: Buffer) => {
      const at = keys.indexOf(LEAVE);
      const typed = at < 0 ? keys : keys.subarray(0, at);
      if (typed.length > 0) void sendLine(socket, { is: "input", data: typed.toString("base64") });
      if (at >= 0) done("left");
    });
    // Of a pipe: the far program reads the end of its input.
    stdin.once("end", () => void sendLine(socket, { is: "input", data: Buffer.from([0x04]).toString("base64") }));
    socket.resume();
    stdin.resume();
  });
}
