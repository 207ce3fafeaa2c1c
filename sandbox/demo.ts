import { parseArgs } from "node:util";
import { buildDemo } from "./demo/build-demo.ts";
import { Narrator } from "./demo/narrator.ts";
import { EXIT, messageOf } from "./failure.ts";
import { stopSignal } from "./terminal/stop-signal.ts";
import { openTerminal } from "./terminal/terminal.ts";

/** 128 + SIGINT, as shells have it. */
const EXIT_INTERRUPTED = 130;

const signal = stopSignal();
const terminal = openTerminal(process.env);
const narrator = new Narrator(terminal);

try {
  const { tailnet } = parseArgs({ options: { tailnet: { type: "boolean", default: false } } }).values;
  // Loaded only here: it takes programs that take minutes to build, once.
  const play = tailnet ? (await import("./demo/tailnet-demo.ts")).tailnetDemo : buildDemo;
  await play({ narrator, terminal, signal });
} catch (failure) {
  const interrupted = signal.aborted;
  narrator.failed(interrupted ? "Interrupted; everything is stopped." : messageOf(failure));
  process.exitCode = interrupted ? EXIT_INTERRUPTED : EXIT.software;
}
