import type { EvidenceSource } from "../../ports/evidence.ts";
import { signForSts } from "./aws/sign-for-sts.ts";
import { type AwsPlaces, type StsCaller, stsCaller } from "./aws/sts-caller.ts";
import { stsError, stsErrorCode } from "./aws/sts-error.ts";
import { boundAudience } from "./bound-audience.ts";
import { boundJwt } from "./bound-jwt.ts";
import { type Answer, ask } from "./metadata/ask.ts";
import { type Bounded, Budget } from "./metadata/budget.ts";
import { named, type Question } from "./metadata/question.ts";
import { noEvidence } from "./no-evidence.ts";

/** A registration follows at once. */
const TOKEN_S = 300;
/** The least that STS gives: for a role's session that is about to end. */
const SHORT_TOKEN_S = 60;

const NO_WAY = "is there a way from this machine to STS, or a VPC endpoint for it (identity.stsUrl)?";

/**
 * A token of AWS STS for the bound audience. It names the instance whose role's credentials asked
 * for it. Source: the STS API reference, GetWebIdentityToken.
 */
export function awsWebIdentityEvidence(options: AwsPlaces & Bounded): EvidenceSource {
  return {
    kind: "aws-web-identity",
    async gather(challenge, key, signal) {
      using budget = new Budget(options, signal);
      const caller = await stsCaller(options, budget);
      const audience = boundAudience(challenge, key);
      const question = await tokenQuestion(caller, audience, TOKEN_S);
      let answer = await ask(question, budget);
      if (stsErrorCode(answer) === "SessionDurationEscalation")
        answer = await ask(await tokenQuestion(caller, audience, SHORT_TOKEN_S), budget);
      return { kind: "aws-web-identity", jwt: boundJwt(tokenIn(question, answer), audience, named(question)) };
    },
  };
}

async function tokenQuestion(caller: StsCaller, audience: string, seconds: number): Promise<Question> {
  const body = new URLSearchParams({
    Action: "GetWebIdentityToken",
    Version: "2011-06-15",
    "Audience.member.1": audience,
    SigningAlgorithm: "ES384",
    DurationSeconds: String(seconds),
  }).toString();
  return {
    whom: `STS in ${caller.region}`,
    method: "POST",
    url: caller.stsUrl,
    headers: await signForSts(caller, body),
    body,
    types: ["text/xml", "application/xml"],
    answers: [200, 400, 403],
    todo: { silent: NO_WAY, unreachable: NO_WAY },
  };
}

function tokenIn(question: Question, answer: Answer): string {
  if (answer.status !== 200) throw stsError(question, answer, Date.now());
  const token = /<WebIdentityToken>(?<token>[\w.-]+)<\/WebIdentityToken>/.exec(answer.text)?.groups?.["token"];
  if (token === undefined) throw noEvidence(`${named(question)} answered without a token`);
  return token;
}
