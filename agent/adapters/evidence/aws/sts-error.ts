import type { AgentError } from "../../../core/errors.ts";
import type { Answer } from "../metadata/ask.ts";
import { named, type Question } from "../metadata/question.ts";
import { noEvidence } from "../no-evidence.ts";

interface Meaning {
  readonly words: string;
  readonly retryable: boolean;
}

const CREDENTIALS: Meaning = {
  words: "does not accept the role's credentials; it is asked again with those that IMDS has then",
  retryable: true,
};
const SIGNATURE: Meaning = { words: "does not accept the signature", retryable: true };
const BUSY: Meaning = { words: "is asked too often; it is asked again", retryable: true };
const DENIED: Meaning = {
  words: "denies it to this instance's role: allow it sts:GetWebIdentityToken for this audience",
  retryable: false,
};
const REFUSED: Meaning = { words: "refuses the request", retryable: false };

/**
 * By the code without "Exception" at its end: the reference and the wire differ in that. Sources:
 * the STS API reference, GetWebIdentityToken and "Common errors".
 */
const MEANINGS: ReadonlyMap<string, Meaning> = new Map(
  Object.entries<Meaning>({
    AccessDenied: DENIED,
    ExpiredToken: CREDENTIALS,
    IncompleteSignature: SIGNATURE,
    InvalidAction: {
      words: "does not know web identity tokens here: set identity.kind to aws-caller-identity",
      retryable: false,
    },
    InvalidClientTokenId: CREDENTIALS,
    JWTPayloadSizeExceeded: {
      words: "would make a token that is too large: give the role fewer tags",
      retryable: false,
    },
    OutboundWebIdentityFederationDisabled: {
      words:
        "gives this account no web identity tokens: enable them once (iam:EnableOutboundWebIdentityFederation), or set identity.kind to aws-caller-identity",
      retryable: false,
    },
    RegionDisabled: { words: "is disabled in this region: activate it in the account's settings", retryable: false },
    RequestExpired: SIGNATURE,
    SessionDurationEscalation: {
      words: "gives no token that outlives the role's session, which is about to end; it is asked again",
      retryable: true,
    },
    SignatureDoesNotMatch: SIGNATURE,
    Throttling: BUSY,
    UnrecognizedClient: CREDENTIALS,
  }),
);

/** STS tolerates five minutes. */
const CLOCK_TOLERANCE_MS = 4 * 60_000;

/** The code comes first. To look for it in a page of beginnings takes long. */
const HEAD_CHARS = 4_096;

/**
 * "SessionDurationEscalation", of an error in STS's form; "" of anything else. Its message is never
 * read: for a wrong signature it may quote the request, session token included.
 */
export function stsErrorCode({ text }: Answer): string {
  const code = /<Error>[^]*?<Code>(?<code>\w{1,80})<\/Code>/.exec(text.slice(0, HEAD_CHARS))?.groups?.["code"] ?? "";
  return code.replace(/Exception$/, "");
}

/**
 * What an error of STS means, and how far this machine's clock is off if that is why.
 * @param nowMs wall time.
 */
export function stsError(question: Question, answer: Answer, nowMs: number): AgentError {
  const code = stsErrorCode(answer);
  if (code === "")
    return noEvidence(`${named(question)} answered ${answer.status} with something that is no error of STS`);
  const meaning = MEANINGS.get(code) ?? REFUSED;
  const clock = meaning === SIGNATURE ? clockWords(answer, nowMs) : "";
  return noEvidence(`${named(question)} ${meaning.words}${clock} (${answer.status} ${code})`, {
    retryable: meaning.retryable,
  });
}

function clockWords({ headers }: Answer, nowMs: number): string {
  const aheadMs = nowMs - Date.parse(headers.date ?? "");
  const isOff = Math.abs(aheadMs) > CLOCK_TOLERANCE_MS;
  if (!isOff) return "; it is asked again";
  const seconds = Math.round(Math.abs(aheadMs) / 1_000);
  return `: this machine's clock is ${seconds} s ${aheadMs > 0 ? "ahead" : "behind"}, set it right`;
}
