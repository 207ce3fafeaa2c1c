import { Deadline } from "../../sandbox/deadline.ts";
import { BenchFailed } from "../failure.ts";
import { Child, type Command } from "../process/child.ts";
import { answers } from "../process/ports.ts";
import { START_DEADLINE_MS } from "./subject.ts";

/** Starts a program and waits until it takes connections on `port`. @throws {BenchFailed} */
export async function startListener(command: Command, port: number, signal: AbortSignal): Promise<Child> {
  const child = await Child.start(command);
  using deadline = new Deadline(START_DEADLINE_MS, signal);
  try {
    await child.until(() => answers(port), deadline.signal);
    return child;
  } catch (cause) {
    await child[Symbol.asyncDispose]();
    signal.throwIfAborted();
    throw new BenchFailed(`${command.command} did not begin to listen.`, { cause });
  }
}
