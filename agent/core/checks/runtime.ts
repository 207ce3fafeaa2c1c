import type { Instant } from "../instant.ts";
import { rfc3339 } from "../moment.ts";
import { nodeEndMs } from "../node-releases.ts";
import { LATE_MS, type LoopDelay, type RuntimeView } from "../runtime.ts";
import { sizeInWords } from "../size-words.ts";
import { type Check, failed, type Look, ok, unknown } from "./check.ts";

/** An image is baked, tried and rolled out: a quarter of a year. */
const WARN_BEFORE_END_MS = 90 * 86_400_000;
/** What is left above it is the room for one large message. */
const MEMORY_SHARE = 0.9;

const CROWDED =
  "top -b -n 1 shows who takes the processors, and whether the host does (st); fewer builds at a time, or a larger machine";

/** Never blocks: it says what will hurt soon, or why something else is slow. */
export const runtime: Check = {
  name: "runtime",
  title: "The agent's own processes",
  blocking: false,
  remedy: "Bake a new image: the agent brings the Node.js that it runs on",
  evidence: ({ runtime: view }) => (view === undefined ? ["not measured yet"] : facts(view)),
  look({ runtime: view }, now) {
    if (view === undefined) return unknown("Not measured yet");
    return lateLook(view) ?? memoryLook(view) ?? nodeLook(view, now);
  },
  changesInMs({ runtime: view }, now) {
    const endMs = view && nodeEndMs(view.nodeVersion);
    if (endMs === undefined) return undefined;
    const left = [endMs - WARN_BEFORE_END_MS, endMs].map((ms) => ms - now.wallMs).filter((ms) => ms > 0);
    return left.length === 0 ? undefined : Math.min(...left);
  },
};

function lateLook({ control, gateway }: RuntimeView): Look | undefined {
  if (gateway?.late !== undefined) {
    const { sinceMs } = gateway.late;
    return failed(`The gateway's event loop comes late since ${rfc3339(sinceMs)}: builds are slow`, {
      remedy: CROWDED,
    });
  }
  if (control?.late === undefined) return undefined;
  const { sinceMs } = control.late;
  return failed(`Control's event loop comes late since ${rfc3339(sinceMs)}: probes may give up on it`, {
    remedy: CROWDED,
  });
}

function memoryLook({ memory }: RuntimeView): Look | undefined {
  if (memory === undefined || memory.usedBytes < memory.limitBytes * MEMORY_SHARE) return undefined;
  return failed(
    "Control is about to reach the memory limit of its unit: the kernel ends it there, and it starts again",
    {
      remedy: "Keep a bundle (builder-agent bundle), then restart builder-agent-control.service: builds go on",
    },
  );
}

function nodeLook({ nodeVersion }: RuntimeView, now: Instant): Look {
  const endMs = nodeEndMs(nodeVersion);
  if (endMs === undefined)
    return {
      ...unknown(`Until when Node.js ${nodeVersion} gets security fixes is not known to this agent`),
      remedy: "See its end in Node's own schedule; a newer agent knows newer ones",
    };
  const [day] = rfc3339(endMs).split("T");
  if (now.wallMs >= endMs) return failed(`Node.js ${nodeVersion} gets no security fixes since ${day}`);
  if (now.wallMs >= endMs - WARN_BEFORE_END_MS)
    return failed(`Node.js ${nodeVersion} gets security fixes until ${day}`);
  return ok(`Node.js ${nodeVersion}, with security fixes until ${day}`);
}

function facts({ nodeVersion, control, gateway, memory }: RuntimeView): readonly string[] {
  return [
    `Node.js ${nodeVersion}`,
    control === undefined ? "control's event loop was not measured yet" : delay("control", control),
    gateway === undefined ? "the gateway has not told of its event loop" : delay("gateway", gateway),
    memory === undefined
      ? "control's memory has no limit"
      : `control uses ${sizeInWords(memory.usedBytes)} of the ${sizeInWords(memory.limitBytes)} that its unit may`,
  ];
}

function delay(process: keyof typeof LATE_MS, { delayMs, late }: LoopDelay): string {
  const worst = late === undefined ? "" : `, ${late.worstMs} ms at worst since ${rfc3339(late.sinceMs)}`;
  return `${process}'s event loop: ${delayMs} ms late in the last window${worst} (limit ${LATE_MS[process]} ms)`;
}
