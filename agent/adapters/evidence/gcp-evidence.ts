import type { EvidenceSource } from "../../ports/evidence.ts";
import { boundAudience } from "./bound-audience.ts";
import { boundJwt } from "./bound-jwt.ts";
import { ask } from "./metadata/ask.ts";
import { type Bounded, Budget } from "./metadata/budget.ts";
import { named, type Question } from "./metadata/question.ts";
import { noEvidence } from "./no-evidence.ts";

export interface GcpPlaces {
  readonly gcpMetadataUrl: string;
}

const WHERE = "is this a machine of Google's cloud?";

/**
 * An identity token of Google's metadata server for the bound audience; in full format it names the
 * instance. Source: Compute Engine's documentation, "Verify the identity of VMs".
 */
export function gcpEvidence(options: GcpPlaces & Bounded): EvidenceSource {
  return {
    kind: "gcp",
    async gather(challenge, key, signal) {
      using budget = new Budget(options, signal);
      const audience = boundAudience(challenge, key);
      const question = tokenQuestion(options.gcpMetadataUrl, audience);
      const { headers, text } = await ask(question, budget);
      // Google's own advice: without this header it is not the metadata server that answers.
      if (headers["metadata-flavor"] !== "Google")
        throw noEvidence(`${named(question)} answered without Metadata-Flavor: does something else answer there?`);
      return { kind: "gcp", jwt: boundJwt(text, audience, named(question)) };
    },
  };
}

function tokenQuestion(baseUrl: string, audience: string): Question {
  const url = new URL("/computeMetadata/v1/instance/service-accounts/default/identity", baseUrl);
  url.search = new URLSearchParams({ audience, format: "full" }).toString();
  return {
    whom: "Google's metadata server",
    method: "GET",
    url,
    headers: { "Metadata-Flavor": "Google" },
    // None is documented, and tokens may come as text/html: Metadata-Flavor tells who answers.
    types: ["text/html", "text/plain", "application/text", "application/octet-stream", "application/jwt", ""],
    todo: {
      404: "this machine has no service account: attach one",
      silent: WHERE,
      unreachable: WHERE,
    },
  };
}
