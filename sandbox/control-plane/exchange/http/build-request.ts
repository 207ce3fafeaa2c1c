import { z } from "zod";
import type { JobsBuild } from "../exchange.ts";
import { ExchangeRefusal } from "../exchange-refusal.ts";

const PEM = /^\s*-----BEGIN CERTIFICATE REQUEST-----([A-Za-z0-9+/=\s]+)-----END CERTIFICATE REQUEST-----\s*$/;

const form = z.strictObject({
  /** PKCS#10, PEM; its names are ignored. */
  csr: z.string().regex(PEM),
  /** Both or none. */
  org: z.string().min(1).exactOptional(),
  project: z.string().min(1).exactOptional(),
  /** The longest that it shall last; cut to what is granted. */
  ttl_s: z.int().positive().max(86_400).exactOptional(),
});

/** @throws {ExchangeRefusal} */
export function readBuildRequest(body: string): JobsBuild {
  const parsed = form.safeParse(parseJson(body));
  if (!parsed.success || (parsed.data.org === undefined) !== (parsed.data.project === undefined))
    throw malformed('{"csr": PEM, "ttl_s": 1800} is wanted, with "org" and "project" or without both.');
  const { csr, org, project, ttl_s } = parsed.data;
  const [, base64 = ""] = PEM.exec(csr) ?? [];
  return {
    csrDer: Buffer.from(base64, "base64"),
    ref: org === undefined || project === undefined ? undefined : { org, project },
    ttlMs: ttl_s === undefined ? undefined : ttl_s * 1_000,
  };
}

function parseJson(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch {
    // The parser's message quotes what it read.
    throw malformed("The body is not JSON.");
  }
}

function malformed(message: string): ExchangeRefusal {
  return new ExchangeRefusal(400, "invalid_request", "malformed", message);
}
