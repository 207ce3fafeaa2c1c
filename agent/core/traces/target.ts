import { parseAddress } from "../network/address.ts";
import { contains } from "../network/cidr.ts";
import { ALWAYS_FORBIDDEN } from "../network/forbidden.ts";
import type { Secret } from "../secret.ts";

/** What this machine itself says. */
export interface OwnTraces {
  /**
   * Base of OTLP over HTTP; "none": nobody, whatever the control plane orders; absent: as ordered.
   */
  readonly otlpEndpoint?: string | undefined;
  readonly headersFile?: string | undefined;
  readonly caFile?: string | undefined;
  /** Of how many builds in a hundred the sessions are sent. */
  readonly sessionPercent: number;
}

/** What the control plane wants, as it said it. */
export interface OrderedTraces {
  readonly otlpEndpoint: string;
  readonly headers: ReadonlyMap<string, Secret>;
  /** PEM; absent: the authorities that Node.js brings. */
  readonly caPem?: string;
  readonly sessionPercent: number;
}

/** Where spans go. */
export interface TraceTarget {
  /** Whole. */
  readonly url: string;
  /** Scheme, host and port: all that is ever shown of it. */
  readonly shown: string;
  readonly from: "configuration" | "control-plane";
  readonly headers: { readonly in: string } | { readonly given: ReadonlyMap<string, Secret> };
  readonly ca?: { readonly in: string } | { readonly pem: string };
  readonly sessionPercent: number;
  /**
   * Whether it must not lead to this machine, its links or a metadata service, whatever its name
   * resolves to.
   */
  readonly guarded: boolean;
}

export type TracePlan =
  | { readonly at: "waiting" }
  | { readonly at: "off"; readonly because: string }
  | { readonly at: "refused"; readonly because: string }
  | { readonly at: "to"; readonly target: TraceTarget };

/**
 * This machine's own word wins, whole: nothing of an order is mixed in. `ordered`: undefined while
 * the control plane has said nothing, null where it wants none.
 */
export function tracePlan(own: OwnTraces, ordered: OrderedTraces | null | undefined): TracePlan {
  if (own.otlpEndpoint === "none") return { at: "off", because: "telemetry.otlpEndpoint is none" };
  if (own.otlpEndpoint !== undefined) return { at: "to", target: ownTarget(own.otlpEndpoint, own) };
  if (ordered === undefined) return { at: "waiting" };
  if (ordered === null) return { at: "off", because: "Neither this machine nor the control plane names an endpoint" };
  const { otlpEndpoint, headers, caPem, sessionPercent } = ordered;
  const because = breach(ordered);
  if (because !== undefined) return { at: "refused", because };
  const target = {
    ...placeOf(otlpEndpoint),
    from: "control-plane",
    headers: { given: headers },
    ...(caPem !== undefined && { ca: { pem: caPem } }),
    sessionPercent,
    guarded: true,
  } as const;
  return { at: "to", target };
}

/** Where an exporter that somebody else ordered must not lead. `address`: an IP address. */
export function isGuarded(address: string): boolean {
  const parsed = parseAddress(address.replace(/%.*$/, ""));
  return parsed === undefined || ALWAYS_FORBIDDEN.some((range) => contains(range, parsed));
}

/** A URL whose place for a user, a query or a fragment is empty. `schemes`: as in "https?". */
export function isOtlpEndpoint(text: string, schemes = "https?"): boolean {
  return new RegExp(`^${schemes}://[^/?#@\\s]+(?:/[^?#\\s]*)?$`).test(text) && URL.canParse(text);
}

function ownTarget(endpoint: string, { headersFile, caFile, sessionPercent }: OwnTraces): TraceTarget {
  return {
    ...placeOf(endpoint),
    from: "configuration",
    headers: headersFile === undefined ? { given: new Map() } : { in: headersFile },
    ...(caFile !== undefined && { ca: { in: caFile } }),
    sessionPercent,
    guarded: false,
  };
}

/** As the specification of OTEL_EXPORTER_OTLP_ENDPOINT has it: the signal's path is added. */
function placeOf(endpoint: string): Pick<TraceTarget, "url" | "shown"> {
  return { url: `${endpoint.replace(/\/+$/, "")}/v1/traces`, shown: new URL(endpoint).origin };
}

/** What an order must not be; undefined: it may be followed. Values of headers are never told. */
function breach({ otlpEndpoint, headers, sessionPercent }: OrderedTraces): string | undefined {
  if (!isOtlpEndpoint(otlpEndpoint, "https"))
    return "trace_export.otlp_endpoint is no https URL without user, query and fragment";
  const host = new URL(otlpEndpoint).hostname.replace(/^\[|\]$/g, "");
  if (host === "localhost" || host.endsWith(".localhost") || (parseAddress(host) !== undefined && isGuarded(host)))
    return `trace_export.otlp_endpoint leads to ${host}: this machine, its link or a metadata service`;
  if (!(sessionPercent >= 0 && sessionPercent <= 100)) return "trace_export.session_percent is not from 0 to 100";
  const hidden = [...headers].find(([, value]) => !isHeaderValue(value.reveal()));
  if (hidden !== undefined) return `trace_export.headers: the value of ${JSON.stringify(hidden[0])} is no header's`;
  const wrong = [...headers.keys()].find((name) => !isHeaderName(name));
  return wrong === undefined ? undefined : `trace_export.headers has ${JSON.stringify(wrong)}, which may not be set`;
}

/** What frames a request, or says what is in it, is ours. */
const OUR_HEADERS = /^(host|content-.*|transfer-encoding|connection|keep-alive|te|trailer|upgrade|expect|proxy-.*)$/i;

/** A token (RFC 9110) that is not ours to set. */
export function isHeaderName(name: string): boolean {
  return /^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,128}$/.test(name) && !OUR_HEADERS.test(name);
}

/** What a header's value may be: visible ASCII, blanks between. */
export function isHeaderValue(value: string): boolean {
  return /^[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?$/.test(value);
}
