import { arch, hostname } from "node:os";
import type { Trace } from "../../core/traces/span.ts";
import { isGuarded, type TraceTarget } from "../../core/traces/target.ts";
import { Branch } from "../../lifecycle/branch.ts";
import type { Clock } from "../../ports/clock.ts";
import type { Encoded, StartIds } from "./encode.ts";
import { guardedLookup, type Resolve } from "./guarded-lookup.ts";
import { readHeaders, readSmallFile } from "./headers-file.ts";
import { type Accepted, judgeAnswer } from "./judge-answer.ts";
import { NotAccepted } from "./not-accepted.ts";
import { type Place, post } from "./post.ts";

export interface ExportMeans {
  readonly clock: Clock;
  /** Of the agent. */
  readonly version: string;
  /** One export, from its name's resolution to the end of its answer. */
  readonly exportMs: number;
  /** Of names that the control plane gives; the system's, if absent. */
  readonly resolve?: Resolve;
  readonly forbids?: (address: string) => boolean;
}

/** What is sent, as it goes over the wire: the same each time that it is sent again. */
export async function encoded(
  batch: readonly Trace[],
  about: { readonly version: string; readonly start: StartIds; readonly machineId: string | undefined },
  { sessionPercent }: TraceTarget,
): Promise<Encoded> {
  const { version, start, machineId } = about;
  const { encodeTraces } = await import("./encode.ts");
  const resource = {
    "service.name": "builder-agent",
    "service.version": version,
    ...(machineId !== undefined && { "service.instance.id": machineId }),
    "host.name": hostname(),
    "host.arch": arch() === "x64" ? "amd64" : arch(),
    "os.type": "linux",
  };
  return encodeTraces(batch, { start, resource, version, sessionPercent });
}

/**
 * Sends it once; files are read anew. @throws {AgentError} why it was not accepted; whether it may
 * be later.
 */
export async function exportOnce(
  target: TraceTarget,
  body: Uint8Array,
  means: ExportMeans,
  outer: AbortSignal,
): Promise<Accepted> {
  const { clock, exportMs } = means;
  const { readSuccess } = await import("./encode.ts");
  const place = await placeOf(target, means);
  using limit = new Branch(outer);
  void clock.sleep(exportMs, limit.signal).then(() => limit.abort());
  const answer = await post(place, body, limit.signal).catch((failure: unknown) => {
    if (!limit.signal.aborted || outer.aborted) throw failure;
    throw new NotAccepted(`It did not answer within ${exportMs / 1_000} s`, { retryable: true });
  });
  return judgeAnswer(answer, readSuccess, clock.now().wallMs);
}

async function placeOf({ url, headers, ca, guarded }: TraceTarget, means: ExportMeans): Promise<Place> {
  const { version, forbids = isGuarded, resolve } = means;
  const pem = ca === undefined || "pem" in ca ? ca?.pem : await readSmallFile(ca.in);
  return {
    url,
    headers: "given" in headers ? headers.given : await readHeaders(headers.in),
    ...(pem !== undefined && { ca: pem }),
    ...(guarded && { lookup: guardedLookup(forbids, resolve) }),
    userAgent: `builder-agent/${version}`,
  };
}
