import { AgentError } from "../../core/errors.ts";
import { anyText, type Field, finite, fromJson, list, object, optional, type ValueOf } from "../../wire/fields.ts";

const [words, number] = [optional(anyText), optional(finite())];

const links = list(
  object({
    ifname: words,
    mtu: number,
    addr_info: optional(list(object({ local: words, prefixlen: number, scope: words }))),
  }),
);

const routes = list(object({ dst: anyText, dev: words, type: words }));

const rules = list(object({ dst: words, dstlen: number }));

export type Links = ValueOf<typeof links>;
export type Routes = ValueOf<typeof routes>;
export type Rules = ValueOf<typeof rules>;

/** What `ip -json address show` prints. @throws {AgentError} "network.tool-answer" */
export function linksOf(json: string): Links {
  return parsed(links, json, "addresses");
}

/** What `ip -json route show` prints. @throws {AgentError} "network.tool-answer" */
export function routesOf(json: string): Routes {
  return parsed(routes, json, "routes");
}

/** What `ip -json rule show` prints. @throws {AgentError} "network.tool-answer" */
export function rulesOf(json: string): Rules {
  return parsed(rules, json, "rules");
}

function parsed<T>(answer: Field<T>, json: string, what: string): T {
  try {
    return fromJson(answer, json);
  } catch (cause) {
    throw new AgentError("network.tool-answer", `ip answered something else than ${what} in JSON`, {
      retryable: true,
      cause,
    });
  }
}
