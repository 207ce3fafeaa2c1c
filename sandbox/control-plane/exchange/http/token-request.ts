import { ExchangeRefusal } from "../exchange-refusal.ts";
import { EXCHANGE_AUDIENCE } from "../trust.ts";

const GRANT_TYPE = "urn:ietf:params:oauth:grant-type:token-exchange";
export const ACCESS_TOKEN_TYPE = "urn:ietf:params:oauth:token-type:access_token";
/** RFC 8693, section 3: a CI system's token is both. */
const SUBJECT_TYPES = ["urn:ietf:params:oauth:token-type:jwt", "urn:ietf:params:oauth:token-type:id_token"];
/** RFC 6749, section 3.3. */
const SCOPE = /^[\x21\x23-\x5b\x5d-\x7e]+(?: [\x21\x23-\x5b\x5d-\x7e]+)*$/;

export interface TokenRequest {
  readonly subjectToken: string;
  readonly scopes: readonly string[] | undefined;
}

/** The parameters of RFC 8693, section 2.1, that have a meaning here. @throws {ExchangeRefusal} */
export function readTokenRequest(form: string): TokenRequest {
  const parameters = parametersOf(form);
  if (parameters.get("grant_type") !== GRANT_TYPE)
    throw new ExchangeRefusal(400, "unsupported_grant_type", "grant-type-unknown", `grant_type must be ${GRANT_TYPE}.`);
  if (!SUBJECT_TYPES.includes(parameters.get("subject_token_type") ?? ""))
    throw malformed("subject-token-type-unknown", `subject_token_type must be one of ${SUBJECT_TYPES.join(", ")}.`);
  if ((parameters.get("requested_token_type") ?? ACCESS_TOKEN_TYPE) !== ACCESS_TOKEN_TYPE)
    throw malformed("requested-token-type-unknown", "Only access tokens are issued.");
  if (parameters.has("actor_token") || parameters.has("actor_token_type"))
    throw malformed("delegation-unsupported", "Nobody acts for a job: leave actor_token out.");
  if (parameters.has("resource") || (parameters.get("audience") ?? EXCHANGE_AUDIENCE) !== EXCHANGE_AUDIENCE)
    throw new ExchangeRefusal(
      400,
      "invalid_target",
      "target-unknown",
      `Access tokens are for ${EXCHANGE_AUDIENCE} alone: name that as audience, or nothing.`,
    );
  const subjectToken = parameters.get("subject_token");
  if (subjectToken === undefined) throw malformed("subject-token-missing", "subject_token is missing.");
  const scope = parameters.get("scope");
  if (scope !== undefined && !SCOPE.test(scope))
    throw new ExchangeRefusal(400, "invalid_scope", "scope-malformed", "scope must be words with one space between.");
  return { subjectToken, scopes: scope?.split(" ") };
}

/** RFC 6749, section 3.2: no parameter twice; one without a value was not sent. */
function parametersOf(form: string): ReadonlyMap<string, string> {
  const parameters = new Map<string, string>();
  for (const [name, value] of new URLSearchParams(form)) {
    if (parameters.has(name)) throw malformed("duplicate-parameter", "A parameter is there more than once.");
    parameters.set(name, value);
  }
  return new Map([...parameters].filter(([, value]) => value !== ""));
}

function malformed(code: string, message: string): ExchangeRefusal {
  return new ExchangeRefusal(400, "invalid_request", code, message);
}
