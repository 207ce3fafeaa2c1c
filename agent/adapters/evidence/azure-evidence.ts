import { createHash } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { Secret } from "../../core/secret.ts";
import type { Challenge } from "../../ports/control-plane.ts";
import type { EvidenceSource, MachineKey } from "../../ports/evidence.ts";
import { type ChainPlaces, chainAbove } from "./azure/chain-above.ts";
import { ask } from "./metadata/ask.ts";
import { type Bounded, Budget } from "./metadata/budget.ts";
import { jsonObject } from "./metadata/json-object.ts";
import { named, type Question } from "./metadata/question.ts";
import { sequenceFromBase64 } from "./metadata/signed-bytes.ts";
import { noEvidence } from "./no-evidence.ts";

export interface AzurePlaces extends ChainPlaces {
  readonly azureMetadataUrl: string;
}

/** Contract, `AzureAttestedDocument`. */
const CONTEXT = "builder-agent azure v1";
const NONCE_CHARS = 32;
const API_VERSION = "2025-04-07";

/**
 * IMDS is known to answer with an earlier nonce from its cache (MicrosoftDocs/azure-docs#43938).
 */
const ATTEMPTS = 4;
const PAUSE_MS = 250;

/**
 * The attested document of Azure's IMDS, with the challenge and the key in its nonce, and the
 * certificates above its signer where they can be had. Source: Azure's documentation, "Attested
 * data".
 */
export function azureEvidence(options: AzurePlaces & Bounded): EvidenceSource {
  return {
    kind: "azure",
    async gather(challenge, key, signal) {
      using budget = new Budget(options, signal);
      const nonce = nonceFor(challenge, key);
      const question = documentQuestion(options.azureMetadataUrl, nonce);
      for (let attempt = 1; ; attempt += 1) {
        const pkcs7 = await attested(question, budget);
        if (Buffer.from(pkcs7).includes(nonce)) {
          const intermediates = await chainAbove(pkcs7, options, budget);
          signal.throwIfAborted();
          return { kind: "azure", pkcs7: new Secret(pkcs7), intermediates };
        }
        if (attempt === ATTEMPTS)
          throw noEvidence(
            `${named(question)} answered ${ATTEMPTS} times with a document for another nonce, from its cache; it is asked again`,
          );
        // Cut short with the budget, of which the next question then tells.
        await sleep(PAUSE_MS, undefined, { signal: budget.signal }).catch(() => undefined);
      }
    },
  };
}

function nonceFor({ nonce }: Challenge, { spkiSha256 }: MachineKey): string {
  return createHash("sha256")
    .update(CONTEXT)
    .update(Uint8Array.of(0))
    .update(nonce)
    .update(spkiSha256, "hex")
    .digest("hex")
    .slice(0, NONCE_CHARS);
}

function documentQuestion(baseUrl: string, nonce: string): Question {
  const url = new URL("/metadata/attested/document", baseUrl);
  url.search = new URLSearchParams({ "api-version": API_VERSION, nonce }).toString();
  return {
    whom: "Azure's instance metadata service",
    method: "GET",
    url,
    headers: { Metadata: "true" },
    types: ["application/json"],
    todo: {
      404: "is this a machine of Azure?",
      silent: "is this a machine of Azure, and the agent not in a container?",
      unreachable: "is this a machine of Azure?",
    },
  };
}

async function attested(question: Question, budget: Budget): Promise<Uint8Array> {
  const { text } = await ask(question, budget);
  const { encoding, signature } = jsonObject(text) ?? {};
  const pkcs7 = encoding === "pkcs7" && typeof signature === "string" ? sequenceFromBase64(signature) : undefined;
  if (pkcs7 !== undefined) return pkcs7;
  throw noEvidence(`${named(question)} answered with something that is no whole PKCS#7 document`);
}
