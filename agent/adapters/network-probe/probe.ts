import type { Readable, Writable } from "node:stream";
import { LineCutter } from "../../core/line-cutter.ts";
import { Scope } from "../../lifecycle/scope.ts";
import { attempt } from "./attempt.ts";
import { Listener } from "./listen.ts";
import { readPlan, wordLine } from "./protocol.ts";

const PLAN_MAX_CHARS = 262_144;

/**
 * The process inside a build's network: takes plans from `input`, one after the other, listens,
 * tries, tells, and stays until its input ends. It has no rights but to open sockets. @throws
 * {AgentError} "isolation.malformed-plan"
 */
export async function runProbe(input: Readable, output: Writable): Promise<void> {
  const cutter = new LineCutter(PLAN_MAX_CHARS);
  await using scope = new Scope();
  input.setEncoding("utf8");
  // With an encoding set, the pieces are text.
  for await (const piece of input as AsyncIterable<string>) {
    for (const line of cutter.push(piece)) await carryOut(line, output, scope);
  }
  // What has arrived by now is told.
  for (let turns = 0; turns < 2; turns += 1) await new Promise((resolve) => setImmediate(resolve));
}

async function carryOut(line: string, output: Writable, scope: Scope): Promise<void> {
  const { listen, tries, nameservers } = readPlan(line);
  const listeners = await Promise.all(
    listen.map((address) => Listener.open(address, (heard) => output.write(wordLine({ is: "heard", heard })))),
  );
  for (const listener of listeners) if (listener !== undefined) scope.own(listener);
  const outcomes = await Promise.all(tries.map((one) => attempt(one, nameservers)));
  const listening = listeners.map((listener) => listener?.at ?? null);
  output.write(wordLine({ is: "done", listening, outcomes }));
}
