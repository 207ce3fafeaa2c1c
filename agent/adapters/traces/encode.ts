import { createHash } from "node:crypto";
import {
  type Context,
  ROOT_CONTEXT,
  SpanKind,
  type SpanOptions,
  SpanStatusCode,
  TraceFlags,
  trace,
} from "@opentelemetry/api";
import { ProtobufTraceSerializer } from "@opentelemetry/otlp-transformer";
import { resourceFromAttributes } from "@opentelemetry/resources";
import {
  type IdGenerator,
  RandomIdGenerator,
  type ReadableSpan,
  SamplingDecision,
  TraceIdRatioBasedSampler,
  TracerProvider,
} from "@opentelemetry/sdk-trace";
import type { Span, Trace } from "../../core/traces/span.ts";
import type { ReadSuccess } from "./judge-answer.ts";

/** Of one text in a span. */
const TEXT_MAX = 1_024;
const EVENTS_MAX = 32;

/** The start of this process, to which all else that it tells is linked. */
export interface StartIds {
  readonly traceId: string;
  readonly spanId: string;
}

export interface AboutTraces {
  readonly start: StartIds;
  /** Of the resource, by OpenTelemetry's names. */
  readonly resource: Readonly<Record<string, string>>;
  readonly version: string;
  readonly sessionPercent: number;
}

export interface Encoded {
  readonly body: Uint8Array;
  /** Fewer than were given, where only a share of the sessions is sent. */
  readonly spans: number;
}

/** `ExportTraceServiceRequest`, as protobuf. */
export function encodeTraces(traces: readonly Trace[], about: AboutTraces): Encoded {
  const spans: ReadableSpan[] = [];
  const ids = new GivenIds();
  const provider = new TracerProvider({
    resource: resourceFromAttributes(about.resource),
    idGenerator: ids,
    spanLimits: { attributeValueLengthLimit: TEXT_MAX, eventCountLimit: EVENTS_MAX },
    spanProcessors: [{ onStart() {}, onEnd: (span) => spans.push(span), forceFlush: nothing, shutdown: nothing }],
  });
  const tracer = provider.getTracer("builder-agent", about.version);
  const links = [{ context: { ...about.start, traceFlags: TraceFlags.SAMPLED } }];
  const put = (told: Span, parent: Context, of: Pick<SpanOptions, "kind" | "links">): void => {
    const { name, beganAtMs, endedAtMs, failed } = told;
    const attributes = { ...told.attributes, ...(failed && { "error.type": failed.type }) };
    const span = tracer.startSpan(name, { ...of, startTime: beganAtMs, attributes }, parent);
    for (const event of told.events) span.addEvent(event.name, event.attributes, event.atMs);
    if (failed) span.setStatus({ code: SpanStatusCode.ERROR, message: failed.because.slice(0, TEXT_MAX) });
    for (const part of told.parts) put(part, trace.setSpan(parent, span), {});
    span.end(endedAtMs);
  };
  const share = new TraceIdRatioBasedSampler(about.sessionPercent / 100);
  for (const { of, root } of traces) {
    const traceId = of.is === "build" ? traceIdOfBuild(of) : undefined;
    if (
      traceId !== undefined &&
      share.shouldSample(ROOT_CONTEXT, traceId).decision !== SamplingDecision.RECORD_AND_SAMPLED
    )
      continue;
    ids.next = of.is === "start" ? about.start : traceId === undefined ? {} : { traceId };
    const kind = of.is === "build" ? SpanKind.SERVER : SpanKind.INTERNAL;
    put(root, ROOT_CONTEXT, { kind, ...(of.is !== "start" && { links }) });
  }
  return { body: spans.length === 0 ? new Uint8Array() : serialized(spans), spans: spans.length };
}

/** Protobuf, as it was asked; some receivers answer in JSON all the same. */
export const readSuccess: ReadSuccess = (body, type) => {
  if (type === "application/x-protobuf") return ProtobufTraceSerializer.deserializeResponse(body);
  if (type !== "application/json") throw new TypeError(`${type} is neither protobuf nor JSON`);
  const read: unknown = JSON.parse(Buffer.from(body).toString("utf8"));
  if (typeof read !== "object" || read === null || Array.isArray(read)) throw new TypeError("It is no object");
  return read;
};

/** One for all sessions of a build, on whichever machine they are. */
function traceIdOfBuild(build: {
  readonly orgId: string;
  readonly projectId: string;
  readonly buildId: string;
}): string {
  const name = [build.orgId, build.projectId, build.buildId].join("/");
  return createHash("sha256").update(name).digest("hex").slice(0, 32);
}

function serialized(spans: ReadableSpan[]): Uint8Array {
  const body = ProtobufTraceSerializer.serializeRequest(spans);
  if (body === undefined) throw new TypeError("Spans became no request");
  return body;
}

async function nothing(): Promise<void> {}

/** Random, where the next span is not given its own. */
class GivenIds implements IdGenerator {
  next: Partial<StartIds> = {};
  readonly #random = new RandomIdGenerator();

  generateTraceId(): string {
    return this.#take("traceId") ?? this.#random.generateTraceId();
  }

  generateSpanId(): string {
    return this.#take("spanId") ?? this.#random.generateSpanId();
  }

  #take(which: keyof StartIds): string | undefined {
    const { [which]: id, ...rest } = this.next;
    this.next = rest;
    return id;
  }
}
