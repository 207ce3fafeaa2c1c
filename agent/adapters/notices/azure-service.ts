import type { Metadata, MetadataAnswer, MetadataQuestion } from "../../ports/metadata.ts";
import { fieldsOf, jsonValue } from "./json-value.ts";
import { notUnderstood } from "./not-understood.ts";

export const IMDS = "Azure's instance metadata service";

const INSTANCE = { path: "/metadata/instance/compute", version: "2021-02-01" };
const EVENTS = { path: "/metadata/scheduledevents", version: "2020-07-01" };

const LIMIT_MS = 5_000;
/** The first question for events turns them on for this machine: two minutes at most. */
const FIRST_LIMIT_MS = 130_000;
const ACKNOWLEDGE_LIMIT_MS = 3_000;
const NOT_THERE = "is this a machine of Azure? notices.platform says whom to ask";

/** Azure's metadata, as far as notices need it. Source: Azure's documentation, "Scheduled Events". */
export class AzureService {
  readonly #metadata: Metadata;
  readonly #baseUrl: string;
  #name: string | undefined;
  #hasAnswered = false;

  constructor(metadata: Metadata, baseUrl: string) {
    this.#metadata = metadata;
    this.#baseUrl = baseUrl;
  }

  /** What this machine is called where events name their machines. */
  async ownName(signal: AbortSignal): Promise<string> {
    if (this.#name !== undefined) return this.#name;
    const { text } = await this.#metadata.ask(this.#question(INSTANCE), LIMIT_MS, signal);
    const { name } = fieldsOf(jsonValue(text));
    if (typeof name !== "string" || name === "") throw notUnderstood(IMDS, "this machine's name");
    this.#name = name;
    return name;
  }

  async events(signal: AbortSignal): Promise<MetadataAnswer> {
    const answer = await this.#metadata.ask(
      this.#question(EVENTS),
      this.#hasAnswered ? LIMIT_MS : FIRST_LIMIT_MS,
      signal,
    );
    this.#hasAnswered = true;
    return answer;
  }

  async start(ids: readonly string[], signal: AbortSignal): Promise<void> {
    const body = JSON.stringify({ StartRequests: ids.map((EventId) => ({ EventId })) });
    const headers = { Metadata: "true", "Content-Type": "application/json" };
    const question = { ...this.#question(EVENTS), method: "POST", headers, body } as const;
    await this.#metadata.ask(question, ACKNOWLEDGE_LIMIT_MS, signal);
  }

  #question({ path, version }: { readonly path: string; readonly version: string }): MetadataQuestion {
    const url = new URL(path, this.#baseUrl);
    url.search = new URLSearchParams({ "api-version": version }).toString();
    return {
      whom: IMDS,
      method: "GET",
      url,
      headers: { Metadata: "true" },
      types: ["application/json", "text/json", ""],
      todo: { silent: NOT_THERE, unreachable: NOT_THERE, 404: NOT_THERE },
    };
  }
}
