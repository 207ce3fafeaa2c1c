import { setTimeout as sleep } from "node:timers/promises";
import { FleetMachine } from "../machine/machine.ts";
import { type Applied, type Door, type Ended, type FromCrew, monoMs, type NotedCall, type ToCrew } from "./words.ts";

/** A process with many machines: started by the bench, ended by it or with it. */

/** One message for all that came meanwhile: telling must cost little beside what is measured. */
const TELL_EVERY_MS = 250;

let news = noNews();
const machines: FleetMachine[] = [];
let isEnding = false;

/** What came since it was last told. */
function noNews() {
  const lists = { doors: new Array<Door>(), calls: new Array<NotedCall>(), applied: new Array<Applied>() };
  return { is: "news", ...lists, ended: new Array<Ended>() } as const;
}

function tell(words: FromCrew): void {
  if (process.connected) process.send?.(words);
}

function tellNews(): void {
  const { doors, calls, applied, ended } = news;
  if (doors.length + calls.length + applied.length + ended.length === 0) return;
  tell(news);
  news = noNews();
}

async function boot({ plane, machines: ordered }: Extract<ToCrew, { is: "boot" }>): Promise<void> {
  await Promise.all(
    ordered.map(async ({ name, joinToken, afterMs }) => {
      await sleep(afterMs, undefined, { ref: false });
      if (isEnding) return;
      let applied = 0n;
      const machine = await FleetMachine.boot({
        name,
        proof: joinToken,
        plane,
        onCall: (call) => news.calls.push({ machine: name, call, atMs: monoMs() }),
        onApplied: (revision) => {
          if (revision === applied) return;
          applied = revision;
          news.applied.push({ machine: name, revision: Number(revision), atMs: monoMs() });
        },
      });
      machines.push(machine);
      news.doors.push({ machine: name, port: machine.gateway.port });
      machine.ended.then(
        ({ reason }) => news.ended.push({ machine: name, how: reason }),
        (failure: unknown) => news.ended.push({ machine: name, how: String(failure) }),
      );
    }),
  );
}

async function end(): Promise<void> {
  if (isEnding) return;
  isEnding = true;
  clearInterval(telling);
  await Promise.all(machines.map((machine) => machine[Symbol.asyncDispose]()));
  tellNews();
  if (process.connected) process.disconnect();
}

const telling = setInterval(tellNews, TELL_EVERY_MS);
process.on("message", (words: ToCrew) => {
  if (words.is === "end") void end();
  else void boot(words);
});
process.on("disconnect", () => void end());
process.on("SIGTERM", () => void end());
// Ctrl-C reaches the bench as well, which ends this process in order.
process.on("SIGINT", () => undefined);
tell({ is: "up" });
